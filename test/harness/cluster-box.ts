/**
 * The cluster in a box (tools/cluster) for tests: real etcd, API server, controllers, OpenBao, and nodes with a real kubelet.
 *
 *     const cluster = await ClusterBox.start({ images: ['/path/of/keyward.tar'] });   // 40 to 120 s; archives as of tools/image
 *     await cluster.apply([{ apiVersion: 'v1', kind: 'Pod', … }]);                    // server-side, unknown fields refused
 *     await cluster.objects.untilPodReady('default', 'writer');                       // a failure shows object, events, logs
 *     await cluster.objects.podLog('default', 'writer');
 *     await cluster.runOnNode(['dmsetup', 'ls']);                                     // as root, outside of containers
 *     await cluster.rebootNode();                                                     // power cut, then boot; the disk stays
 *     await cluster.restartOpenBao();                                                 // unsealed again
 *     await cluster.stop();
 *
 * `cluster.api` asks the API server, `cluster.openBao` OpenBao as root, `cluster.ceph` the Ceph of a box with `ceph: true`. Programs
 * of this machine use `cluster.kubeconfig` and `cluster.openBao.address`; pods reach OpenBao as https://vault.vault.svc:8200 (or
 * openbao.openbao.svc) and the API server as usual. Other Services do not work, and pods look up no other names. Images: every
 * container names one that was imported, with `imagePullPolicy: Never` or `IfNotPresent`; `busyboxImage` is always there. Each file
 * that uses it boots a box of its own, which goes with the test process, whatever becomes of that.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { ApiClient } from '../../tools/cluster/api-client';
import { askBox } from '../../tools/cluster/control-client';
import type {
  BoxOptions,
  BoxStatus,
  CephStatus,
  OperationName,
  Operations,
  ProgramOptions,
} from '../../tools/cluster/control-protocol';
import type { NodeCommandResult } from '../../tools/cluster/node-commands';
import { type StartedBox, startBox } from '../../tools/cluster/start-box';
import { boxLogTails } from './box-logs';
import { BoxedCeph } from './boxed-ceph';
import { BoxedOpenBao } from './boxed-open-bao';
import { ClusterObjects } from './cluster-objects';
import { type AppliedManifest, applyServerSide } from './server-side-apply';

export { busyboxImage } from '../../tools/cluster/basic-images';
export { boxComponents, cephBoxComponents } from '../../tools/cluster/components';

export interface ClusterBoxOptions extends BoxOptions {
  /** Archives to import into every node. */
  readonly images?: readonly string[];
}

/** Time for `ClusterBox.start` and for `rebootNode` on a machine that does much else. */
export const bootLimitMs = 10 * 60_000;

const firstNode = 'node-1';

export class ClusterBox {
  readonly #box: StartedBox;
  readonly status: BoxStatus;
  readonly api: ApiClient;
  readonly openBao: BoxedOpenBao;
  readonly objects: ClusterObjects;
  readonly #ceph: BoxedCeph | undefined;

  private constructor(box: StartedBox, status: BoxStatus, credentials: Operations['credentials']['answer']) {
    this.#box = box;
    this.status = status;
    const caPem = readFileSync(status.caFile, 'utf8');
    this.api = new ApiClient({ url: status.apiServer, caPem, token: credentials.adminToken });
    const { address, addressInside } = status.openBao;
    this.openBao = new BoxedOpenBao({ address, addressInside, caPem, rootToken: credentials.openBaoToken });
    this.#ceph = status.ceph && this.#boxedCeph(status.ceph, credentials.cephUserKey ?? '');
    this.objects = new ClusterObjects(this.api, () => this.logTails());
  }

  /** Resolves when the nodes are ready and have the images. @throws ToolError TOOL_NOT_PREPARED; Error with the end of a log */
  static async start({ images = [], ...options }: ClusterBoxOptions = {}): Promise<ClusterBox> {
    // Not in TMPDIR: unix sockets below it need short paths.
    const folder = mkdtempSync('/tmp/keyward-box-');
    try {
      const box = await startBox(folder, options);
      const status = await askBox(box.layout.control, 'status', {});
      const credentials = await askBox(box.layout.control, 'credentials', {});
      const cluster = new ClusterBox(box, status, credentials);
      for (const { name } of status.nodes) for (const image of images) await cluster.importImage(image, name);
      return cluster;
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** @throws Error in a box that was started without */
  get ceph(): BoxedCeph {
    if (this.#ceph === undefined) throw new Error('the box has no Ceph: start it with ceph: true');
    return this.#ceph;
  }

  /** Of the process on this machine with which everything ends. */
  get pid(): number {
    return this.#box.pid;
  }

  /** Path of the admin's kubeconfig, for programs of this machine. */
  get kubeconfig(): string {
    return this.status.kubeconfig;
  }

  get caFile(): string {
    return this.status.caFile;
  }

  /** One line of JSON for each request to OpenBao, and one for each answer. */
  get openBaoAuditFile(): string {
    return this.#box.layout.logOf('openbao-audit');
  }

  /** Applies objects in their order. @throws Error with the answer to the one that is refused */
  async apply(manifests: readonly AppliedManifest[], fieldManager?: string): Promise<void> {
    for (const manifest of manifests) {
      if (manifest.kind === 'Pod') await this.#untilServiceAccount(manifest);
      const { status, body } = await applyServerSide(this.api, manifest, fieldManager);
      if (status >= 400) throw new Error(`${manifest.kind} ${manifest.metadata.name}: ${body.message}`);
    }
  }

  /** A namespace has one a moment after it is made, and refuses Pods until then. */
  async #untilServiceAccount({ metadata, spec }: AppliedManifest): Promise<void> {
    const { serviceAccountName = 'default' } = spec as { readonly serviceAccountName?: string };
    const path = `/api/v1/namespaces/${metadata.namespace}/serviceaccounts/${serviceAccountName}`;
    await this.objects.untilFound(path, () => true);
  }

  /** Runs a command as root on a node, outside of containers; any exit code is an answer. */
  runOnNode(argv: readonly string[], stdin?: string, node = firstNode): Promise<NodeCommandResult> {
    return this.#ask('run', { node, argv, ...(stdin !== undefined && { stdin }) });
  }

  async importImage(archive: string, node = firstNode): Promise<void> {
    await this.#ask('importImage', { node, archive });
  }

  /** Cuts the power of a node. */
  async killNode(node = firstNode): Promise<void> {
    await this.#ask('killNode', { node });
  }

  /** Boots a node that was killed, and resolves when it is ready. */
  async bootNode(node = firstNode): Promise<void> {
    await this.#ask('bootNode', { node });
  }

  async rebootNode(node = firstNode): Promise<void> {
    await this.killNode(node);
    await this.bootNode(node);
  }

  /** Ends a program on the host side: `openbao`, `etcd`, `kube-apiserver`, or one of `startProgram`. */
  async halt(name: string): Promise<void> {
    await this.#ask('halt', { name });
  }

  /** Starts what was halted, as it was; OpenBao is unsealed. */
  async resume(name: string): Promise<void> {
    await this.#ask('resume', { name });
  }

  async restartOpenBao(): Promise<void> {
    await this.halt('openbao');
    await this.resume('openbao');
  }

  /** Starts the API server anew with further flags, for example `--encryption-provider-config=FILE`. */
  async restartApiServer(args: readonly string[]): Promise<void> {
    await this.#ask('restartApiServer', { args });
  }

  /** Starts one more program on the host side, in the network of the box: a KMS plugin beside the API server, for example. */
  async startProgram(program: ProgramOptions): Promise<void> {
    await this.#ask('start', program);
  }

  /** A new folder inside the box's own, for files of such a program. */
  makeFolder(name: string): string {
    return mkdtempSync(`${this.#box.layout.folder}/${name}-`);
  }

  /** The end of every log of the box, for the message of a test that fails. */
  logTails(lines = 12): string {
    return boxLogTails(this.status, lines);
  }

  /** Ends the box; nothing is left. Harmless when repeated. */
  async stop(): Promise<void> {
    const { layout, ended, isRunning } = this.#box;
    if (isRunning()) {
      await this.#ask('stop', {});
      await ended;
    }
    rmSync(layout.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #boxedCeph(status: CephStatus, userKey: string): BoxedCeph {
    const folder = this.#box.layout.of('ceph');
    return new BoxedCeph(status, {
      userKey,
      folder,
      run: (argv, stdin) => this.#ask('ceph', { argv, ...(stdin !== undefined && { stdin }) }),
    });
  }

  #ask<Name extends OperationName>(
    operation: Name,
    request: Operations[Name]['request'],
  ): Promise<Operations[Name]['answer']> {
    return askBox(this.#box.layout.control, operation, request);
  }
}
