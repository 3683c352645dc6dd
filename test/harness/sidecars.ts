/**
 * The CSI sidecars of an emitted pod as processes: with its arguments, its environment and the token of its service account,
 * against a real API server. As with the kubelet, one that ends is started again.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Secret } from '../../runtime/secret';
import { isToolName, type ToolName } from '../../tools/components';
import { requireTool } from '../../tools/ensure';
import { type LocalPod, startPod } from '../../tools/local-pod/local-pod';
import { Manifests, type PodSource } from '../../tools/local-pod/manifests';
import { writeKubeconfig } from './kubeconfig';
import type { Kubernetes } from './kubernetes';

export interface SidecarsOptions {
  readonly kubernetes: Kubernetes;
  /** The documents that the constructs emit, as they were applied to the API server. */
  readonly manifests: Manifests;
  /** Whose pod they are in. */
  readonly workload: PodSource;
  /** The folder of the driver's pod: its socket is there. */
  readonly root: string;
  readonly nodeName: string;
  /** A token of the pod's service account. */
  readonly token: string;
}

/** Components that a test with sidecars needs: they, the API server and the controllers. */
export const sidecarComponents = [
  'etcd',
  'kube-apiserver',
  'openssl',
  'kube-controller-manager',
  'snapshot-controller',
  'csi-provisioner',
  'csi-resizer',
  'csi-snapshotter',
] as const satisfies readonly ToolName[];

/** It answers for attachments, which nobody makes without a node; the tests of the cluster in a box run it. */
const leftOut: readonly string[] = ['csi-attacher'];

/** The kubelet waits 10 s at first, and longer each time. */
const restartMs = 500;

export class Sidecars {
  readonly names: readonly string[];
  readonly #options: SidecarsOptions;
  readonly #kubeconfig: string;
  readonly #executables: ReadonlyMap<string, string>;
  readonly #running = new Map<string, LocalPod>();
  readonly #kept: Promise<void>[];
  #isEnding = false;

  /**
   * Starts them all. One that ends at once is seen in its log only.
   * @throws ToolError TOOL_NOT_PREPARED when one was not built
   */
  constructor(options: SidecarsOptions) {
    const { kubernetes, root, manifests, workload } = options;
    const rootCa = {
      kind: 'ConfigMap',
      metadata: { name: 'kube-root-ca.crt', namespace: workload.namespace },
      data: { 'ca.crt': kubernetes.caPem },
    };
    this.#options = { ...options, manifests: new Manifests([...manifests.objects, rootCa], '') };
    // A process has no /var/run/secrets of its own, where a container would look.
    this.#kubeconfig = join(root, 'kubeconfig');
    writeKubeconfig(this.#kubeconfig, kubernetes, { tokenFile: join(root, 'pod/api-access/token') });
    const { containers } = workload.template.spec;
    const sidecars = containers.map(({ name }) => name).filter((name) => name.startsWith('csi-'));
    this.names = sidecars.filter((name) => !leftOut.includes(name));
    this.#executables = new Map(this.names.map((name) => [name, executableOf(name)]));
    this.#kept = this.names.map((name) => this.#keep(name));
  }

  /** Everything that a container of the pod wrote, over all its starts; of the driver's own, too. */
  log(name: string): string {
    const file = join(this.#options.root, 'log', `${name}.log`);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** SIGKILL. It is started again. */
  async kill(name: string): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) throw new Error(`${name} does not run (known: ${this.names.join(', ')})`);
    await running.kill();
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    await Promise.all([...this.#running.values()].map((pod) => pod.stop()));
    await Promise.all(this.#kept);
  }

  async #keep(name: string): Promise<void> {
    while (!this.#isEnding) {
      const pod = await this.#start(name);
      this.#running.set(name, pod);
      if (this.#isEnding) await pod.stop();
      await pod.exited;
      if (!this.#isEnding) await sleep(restartMs);
    }
  }

  #start(name: string): Promise<LocalPod> {
    const { manifests, workload, root, nodeName, token } = this.#options;
    return startPod({
      manifests,
      workload,
      container: name,
      root,
      nodeName,
      command: [this.#executables.get(name) ?? name, `--kubeconfig=${this.#kubeconfig}`],
      serviceAccountToken: Secret.fromText(token),
    });
  }
}

function executableOf(name: string): string {
  if (isToolName(name)) return requireTool(name);
  throw new Error(`the pod has a sidecar ${name}, which is not among the components of the tests`);
}
