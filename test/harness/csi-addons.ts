/**
 * CSI-Addons as a cluster runs it: the stock controller, and the stock sidecar of an emitted pod with its arguments and the
 * rights of its service account, against a real API server. As with the kubelet, a sidecar that ends is started again.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Secret } from '../../runtime/secret';
import type { ToolName } from '../../tools/components';
import { requireTool } from '../../tools/ensure';
import { type LocalPod, startPod } from '../../tools/local-pod/local-pod';
import { Manifests } from '../../tools/local-pod/manifests';
import { addonsGroup, installAddonsCrds } from './csi-addons-crds';
import { nodeName } from './driver';
import { requestJson } from './http-json';
import { type Kubernetes, startKubernetes } from './kubernetes';
import { freePort } from './ports';
import { ServerProcess } from './server-process';
import { type AppliedManifest, applyServerSide, installCrds } from './server-side-apply';

export const csiAddonsComponents = [
  'etcd',
  'kube-apiserver',
  'openssl',
  'csi-addons-manager',
  'csi-addons-sidecar',
] as const satisfies readonly ToolName[];

/** Namespace of the controller, which is also its default. */
const controllerNamespace = 'csi-addons-system';
const controllerAccount = 'csi-addons-controller-manager';
/** The kubelet waits 10 s at first, and longer each time. */
const restartMs = 500;
const limitMs = 120_000;

/** A driver whose documents have the sidecar: a `TestDriver`, for one. */
export interface DriverWithSidecar {
  readonly manifests: Manifests;
  /** Folder of its pod. */
  readonly root: string;
}

export class CsiAddons {
  readonly kubernetes: Kubernetes;
  readonly #driver: DriverWithSidecar;
  readonly #controller = new ServerProcess('csi-addons-manager');
  #sidecar: LocalPod | undefined;
  #kept: Promise<void> | undefined;
  #isEnding = false;

  private constructor(kubernetes: Kubernetes, driver: DriverWithSidecar) {
    this.kubernetes = kubernetes;
    this.#driver = driver;
  }

  /**
   * Resolves when the controller is connected to the sidecar. The driver runs already, with the sidecar in its documents.
   * @throws ToolError TOOL_NOT_PREPARED; Error with the ends of the logs
   */
  static async start(driver: DriverWithSidecar, namespaces: readonly string[]): Promise<CsiAddons> {
    // As on every cluster that runs CSI drivers.
    const addons = new CsiAddons(await startKubernetes({ apiServerArgs: ['--allow-privileged=true'] }), driver);
    try {
      const serviceAccount = await addons.#fill(namespaces);
      await addons.#startSidecar(serviceAccount);
      await addons.#startController();
      await addons.untilConnected();
      return addons;
    } catch (error) {
      await addons.stop();
      throw error;
    }
  }

  /** Everything that the sidecar wrote, over all its starts. */
  get sidecarLog(): string {
    const file = join(this.#driver.root, 'log/csi-addons.log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** The last lines of the controller. */
  get controllerLog(): string {
    return this.#controller.logTail;
  }

  /** A Secret that a class names, in the namespace of the driver. */
  async createSecret(name: string, data: Readonly<Record<string, Secret>>): Promise<void> {
    const { namespace } = this.#driver.manifests.daemonSet();
    const encoded = Object.entries(data).map(([key, value]) => [key, value.use((bytes) => bytes.toString('base64'))]);
    await this.kubernetes.expectOk('POST', `/api/v1/namespaces/${namespace}/secrets`, {
      metadata: { name },
      data: Object.fromEntries(encoded),
    });
  }

  /** Applies the configuration of the controller and starts the controller again, which reads it once. */
  async configure(config: AppliedManifest): Promise<void> {
    const { status, body } = await applyServerSide(this.kubernetes, config);
    if (status >= 400) throw new Error(`${config.kind} ${config.metadata.name}: ${body.message}`);
    await this.#controller.halt();
    await this.#startController();
  }

  /** Where the sidecar takes calls: `127.0.0.1:PORT`. */
  async endpoint(): Promise<string> {
    const { spec } = await this.node();
    return `127.0.0.1:${new URL(spec.driver.endpoint).port}`;
  }

  /** What the sidecar announces, and what the controller makes of it. */
  async node() {
    const { name, namespace } = this.#driver.manifests.daemonSet();
    const object = `${nodeName}-${namespace}-daemonset-${name}`;
    const path = `${addonsGroup}/namespaces/${namespace}/csiaddonsnodes/${object}`;
    return (await this.kubernetes.request('GET', path)).body;
  }

  untilConnected() {
    return this.until('the controller is not connected to the sidecar', async () => {
      const { status } = await this.node();
      return status?.state === 'Connected' ? status : undefined;
    });
  }

  /** Looks until there is something to see. @throws Error with the ends of the logs */
  async until<T>(what: string, look: () => Promise<T | undefined>, describe = async () => ''): Promise<T> {
    const end = Date.now() + limitMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (Date.now() > end)
        throw new Error(`${what} after ${limitMs / 1000} s. ${await describe()}\n${this.logTails()}`);
      await sleep(200);
    }
  }

  /** The ends of both logs, for the message of a test that fails. */
  logTails(): string {
    const tail = (text: string) => text.trimEnd().split('\n').slice(-15).join('\n');
    return `--- sidecar\n${tail(this.sidecarLog)}\n--- controller\n${tail(this.#controller.logTail)}`;
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    await this.#controller.stop();
    await this.#sidecar?.stop(0);
    await this.#kept;
    await this.kubernetes.stop();
  }

  /** @returns name of the service account of the driver's pod */
  async #fill(namespaces: readonly string[]): Promise<string> {
    const { kubernetes } = this;
    const { manifests } = this.#driver;
    await installCrds(kubernetes);
    await installAddonsCrds(kubernetes);
    for (const name of [...namespaces, controllerNamespace, manifests.daemonSet().namespace])
      await kubernetes.expectOk('POST', '/api/v1/namespaces', { metadata: { name } });
    for (const manifest of manifests.objects) {
      const { status, body } = await applyServerSide(kubernetes, manifest as AppliedManifest);
      if (status >= 400) throw new Error(`${manifest.kind} ${manifest.metadata.name}: ${body.message}`);
    }
    await kubernetes.expectOk('POST', `/api/v1/namespaces/${controllerNamespace}/serviceaccounts`, {
      metadata: { name: controllerAccount },
    });
    // Its own rights are not what is tested here.
    await kubernetes.expectOk('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: controllerAccount },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', name: controllerAccount, namespace: controllerNamespace }],
    });
    return this.#createPod();
  }

  /** The pod object that the DaemonSet's controller makes for the node: the sidecar looks for its owner, the controller for its address. */
  async #createPod(): Promise<string> {
    const { name, namespace } = this.#driver.manifests.daemonSet();
    const { body: owner } = await this.kubernetes.expectOk(
      'GET',
      `/apis/apps/v1/namespaces/${namespace}/daemonsets/${name}`,
    );
    const { metadata, spec } = owner.spec.template;
    const reference = { apiVersion: 'apps/v1', kind: 'DaemonSet', name, uid: owner.metadata.uid, controller: true };
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    await this.kubernetes.expectOk('POST', pods, {
      metadata: { ...metadata, name: `${name}-local`, ownerReferences: [reference] },
      spec: { ...spec, nodeName },
    });
    const status = { podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }] };
    await this.kubernetes.expectOk('PATCH', `${pods}/${name}-local/status`, { status }, mergePatch);
    return spec.serviceAccountName;
  }

  async #startSidecar(serviceAccount: string): Promise<void> {
    const { namespace } = this.#driver.manifests.daemonSet();
    const token = Secret.fromText(await this.kubernetes.serviceAccountToken(namespace, serviceAccount));
    this.#kept = this.#keepSidecar(token);
  }

  async #keepSidecar(token: Secret): Promise<void> {
    while (!this.#isEnding) {
      const pod = await this.#runSidecar(token);
      this.#sidecar = pod;
      if (this.#isEnding) await pod.stop(0);
      await pod.exited;
      if (!this.#isEnding) await sleep(restartMs);
    }
  }

  #runSidecar(serviceAccountToken: Secret): Promise<LocalPod> {
    const { manifests, root } = this.#driver;
    const rootCa = {
      kind: 'ConfigMap',
      metadata: { name: 'kube-root-ca.crt', namespace: manifests.daemonSet().namespace },
      data: { 'ca.crt': this.kubernetes.caPem },
    };
    const command = asInPod(this.kubernetes, join(root, 'pod/api-access'), requireTool('csi-addons-sidecar'));
    return startPod({
      manifests: new Manifests([...manifests.objects, rootCa], ''),
      container: 'csi-addons',
      root,
      nodeName,
      command: ['/usr/bin/env', ...command.env, ...command.argv],
      serviceAccountToken,
    });
  }

  async #startController(): Promise<void> {
    const { kubernetes } = this;
    const folder = join(this.#controller.folder, 'service-account');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const token = await kubernetes.serviceAccountToken(controllerNamespace, controllerAccount);
    writeFileSync(join(folder, 'token'), token, { mode: 0o600 });
    copyFileSync(kubernetes.caFile, join(folder, 'ca.crt'));
    const command = asInPod(kubernetes, folder, requireTool('csi-addons-manager'));
    const probe = `127.0.0.1:${await freePort()}`;
    await this.#controller.start({
      command: '/usr/bin/env',
      args: [
        ...[...command.env, ...command.argv],
        ...[`--namespace=${controllerNamespace}`, `--health-probe-bind-address=${probe}`],
      ],
      isHealthy: async () => (await requestJson({ url: `http://${probe}/readyz`, timeoutMs: 5000 })).status === 200,
    });
  }
}

export const mergePatch = { contentType: 'application/merge-patch+json' } as const;

/** Both programs look for their service account where a container has it, and at no other place: a mount of their own shows it there. */
function asInPod({ url }: Kubernetes, serviceAccount: string, executable: string) {
  const { hostname, port } = new URL(url);
  const script = [
    'mount -t tmpfs tmpfs /var/run',
    'mkdir -p /var/run/secrets/kubernetes.io',
    'ln -s "$0" /var/run/secrets/kubernetes.io/serviceaccount',
    'exec "$@"',
  ].join(' && ');
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  return {
    env: [`KUBERNETES_SERVICE_HOST=${hostname}`, `KUBERNETES_SERVICE_PORT=${port}`],
    argv: ['unshare', '--mount', ...asRoot, 'sh', '-c', script, serviceAccount, executable],
  };
}
