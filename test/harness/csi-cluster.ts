/**
 * A cluster of one node that runs a CSI driver: a real API server with the controllers of claims and snapshots, the emitted
 * documents applied to it, what the kubelet would register, and the sidecars of the emitted pod with its service account.
 */

import type { Manifests, PodSource } from '../../tools/local-pod/manifests';
import type { SecretObject } from '../../tools/local-pod/pod-volumes';
import { type Kubernetes, startKubernetes } from './kubernetes';
import type { ServerProcess } from './server-process';
import { type AppliedManifest, applyServerSide, installCrds } from './server-side-apply';
import { Sidecars } from './sidecars';
import { startControllerManager, startSnapshotController } from './storage-controllers';

export interface CsiClusterOptions {
  /** What the constructs emit. */
  readonly manifests: Manifests;
  /** That of the pod with the driver's controller and the sidecars. */
  readonly workload: PodSource;
  /** The folder of that pod. */
  readonly root: string;
  /** What the driver says of its node, which the kubelet passes on. */
  readonly node: { readonly name: string; readonly segments: Readonly<Record<string, string>> };
  /** Namespaces of the claims. */
  readonly namespaces: readonly string[];
  /** The Secrets that the classes name. */
  readonly secrets: readonly SecretObject[];
}

export class CsiCluster {
  readonly kubernetes: Kubernetes;
  readonly #stoppable: { stop(): Promise<void> }[];
  #sidecars: Sidecars | undefined;
  #controllers: readonly ServerProcess[] = [];

  private constructor(kubernetes: Kubernetes) {
    this.kubernetes = kubernetes;
    this.#stoppable = [kubernetes];
  }

  /** @throws ToolError TOOL_NOT_PREPARED; Error with the log's end when a server does not start, or the answer to a refused document */
  static async start(options: CsiClusterOptions): Promise<CsiCluster> {
    // As on every cluster that runs CSI drivers.
    const cluster = new CsiCluster(await startKubernetes({ apiServerArgs: ['--allow-privileged=true'] }));
    try {
      await cluster.#fill(options);
      await cluster.#run(options);
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  get sidecars(): Sidecars {
    if (this.#sidecars === undefined) throw new Error('the sidecars were not started');
    return this.#sidecars;
  }

  /** The end of what the driver, each sidecar and each controller wrote, for the message of a test that fails. */
  logTails(lines = 15): string {
    const logs = [
      ...['keyward', ...this.sidecars.names].map((name) => [name, this.sidecars.log(name)] as const),
      ...this.#controllers.map(({ name, logTail }) => [name, logTail] as const),
    ];
    return logs.map(([name, log]) => `--- ${name}\n${log.trimEnd().split('\n').slice(-lines).join('\n')}`).join('\n');
  }

  async stop(): Promise<void> {
    for (const each of this.#stoppable.splice(0).reverse()) await each.stop();
  }

  async #fill({ manifests, workload, node, namespaces, secrets }: CsiClusterOptions): Promise<void> {
    const { kubernetes } = this;
    await installCrds(kubernetes);
    const all = new Set([...namespaces, ...secrets.map(({ namespace }) => namespace), workload.namespace]);
    for (const name of all) await kubernetes.expectOk('POST', '/api/v1/namespaces', { metadata: { name } });
    for (const secret of secrets) await createSecret(kubernetes, secret);
    for (const manifest of manifests.objects) {
      const { status, body } = await applyServerSide(kubernetes, manifest as AppliedManifest);
      if (status >= 400) throw new Error(`${manifest.kind} ${manifest.metadata.name}: ${body.message}`);
    }
    await registerNode(kubernetes, manifests, node);
  }

  async #run(options: CsiClusterOptions): Promise<void> {
    const { kubernetes } = this;
    const { manifests, workload, root, node } = options;
    const { namespace } = workload;
    // Where each node has its own volumes, it takes the snapshots of them itself.
    const snapshots = await startSnapshotController(kubernetes, { distributed: workload.kind === 'DaemonSet' });
    this.#stoppable.push(snapshots);
    const claims = await startControllerManager(kubernetes);
    this.#stoppable.push(claims);
    this.#controllers = [claims, snapshots];
    const { serviceAccountName } = await this.#createPod(options);
    const token = await kubernetes.serviceAccountToken(namespace, serviceAccountName);
    this.#sidecars = new Sidecars({ kubernetes, manifests, workload, root, nodeName: node.name, token });
    this.#stoppable.push(this.#sidecars);
  }

  /** The pod object that the controller of the workload makes; csi-provisioner looks in it for its owner. */
  async #createPod({ workload, node }: CsiClusterOptions): Promise<{ readonly serviceAccountName: string }> {
    const { kind, name, namespace } = workload;
    const path = `/apis/apps/v1/namespaces/${namespace}/${kind.toLowerCase()}s/${name}`;
    const { body: owner } = await this.kubernetes.expectOk('GET', path);
    const { metadata, spec } = owner.spec.template;
    const reference = { apiVersion: 'apps/v1', kind, name, uid: owner.metadata.uid, controller: true };
    await this.kubernetes.expectOk('POST', `/api/v1/namespaces/${namespace}/pods`, {
      metadata: { ...metadata, name: `${name}-local`, ownerReferences: [reference] },
      spec: { ...spec, nodeName: node.name },
    });
    return spec;
  }
}

async function createSecret(kubernetes: Kubernetes, { namespace, name, data }: SecretObject): Promise<void> {
  const encoded = Object.entries(data).map(([key, value]) => [key, value.use((bytes) => bytes.toString('base64'))]);
  await kubernetes.expectOk('POST', `/api/v1/namespaces/${namespace}/secrets`, {
    metadata: { name },
    data: Object.fromEntries(encoded),
  });
}

/** What the kubelet writes when a driver has registered. */
async function registerNode(
  kubernetes: Kubernetes,
  manifests: Manifests,
  { name, segments }: CsiClusterOptions['node'],
): Promise<void> {
  const [driver] = manifests.objects.filter(({ kind }) => kind === 'CSIDriver');
  await kubernetes.expectOk('POST', '/api/v1/nodes', { metadata: { name, labels: segments } });
  await kubernetes.expectOk('POST', '/apis/storage.k8s.io/v1/csinodes', {
    metadata: { name },
    spec: { drivers: [{ name: driver?.metadata.name, nodeID: name, topologyKeys: Object.keys(segments) }] },
  });
}
