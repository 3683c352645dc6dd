/** The box itself: everything that runs in it, in the order in which it starts. */
import { mkdirSync, readFileSync } from 'node:fs';
import { isErrno } from '../../runtime/errors';
import { type CertificateAuthority, createCertificateAuthority } from '../../test/harness/certificates';
import { requestJson } from '../../test/harness/http-json';
import { installCrds } from '../../test/harness/server-side-apply';
import { requireTool } from '../ensure';
import { nodeNetwork } from './addresses';
import { ApiClient } from './api-client';
import { writeBasicImages } from './basic-images';
import { BoxCeph } from './box-ceph';
import { BoxProcess } from './box-process';
import {
  apiServerFlags,
  apiServerUrl,
  type ControlPlaneFiles,
  controllerManagerFlags,
  etcdFlags,
  etcdUrl,
  issueControlPlane,
  issueOpenBao,
  schedulerFlags,
} from './control-plane';
import type { BoxOptions, ProcessStatus, ProgramOptions } from './control-protocol';
import { type Identities, type Identity, makeIdentities, writeKubeconfig, writeTokenFile } from './identities';
import type { BoxLayout } from './layout';
import { publishNames } from './names';
import { makeNetwork } from './network';
import { BoxNode } from './node';
import { BoxOpenBao } from './open-bao';

/** One line about what was done. */
export type Report = (what: string) => void;

const certificateDays = 365;
const defaultServiceAccount = '/api/v1/namespaces/default/serviceaccounts/default';

export class Box {
  readonly #layout: BoxLayout;
  readonly #processes = new Map<string, BoxProcess>();
  readonly #nodes: ReadonlyMap<string, BoxNode>;
  readonly #authority: CertificateAuthority;
  readonly #identities: Identities;
  readonly #files: ControlPlaneFiles;
  readonly #openBao: BoxOpenBao;
  readonly #ceph: BoxCeph | undefined;
  readonly api: ApiClient;

  private constructor(parts: {
    readonly layout: BoxLayout;
    readonly authority: CertificateAuthority;
    readonly identities: Identities;
    readonly files: ControlPlaneFiles;
    readonly openBao: BoxOpenBao;
    readonly ceph: BoxCeph | undefined;
    readonly nodes: ReadonlyMap<string, BoxNode>;
  }) {
    this.#layout = parts.layout;
    this.#authority = parts.authority;
    this.#identities = parts.identities;
    this.#files = parts.files;
    this.#openBao = parts.openBao;
    this.#nodes = parts.nodes;
    this.#ceph = parts.ceph;
    for (const process of [parts.openBao.process, ...(parts.ceph?.processes ?? [])])
      this.#processes.set(process.name, process);
    this.api = new ApiClient({ url: apiServerUrl, caPem: parts.authority.caPem, token: this.adminToken });
  }

  /**
   * Makes network, certificates and disks; starts nothing.
   * @throws ToolError TOOL_NOT_PREPARED; Error with the output of a tool
   */
  static async prepare(layout: BoxLayout, options: BoxOptions): Promise<Box> {
    const { nodes: count = 1, memoryMiB = 2048, diskGiB = 8 } = options;
    const networks = Array.from({ length: count }, (_, index) => nodeNetwork(index + 1));
    for (const folder of [layout.pki, layout.logs, layout.images]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    await makeNetwork(networks);
    await publishNames(networks, `${layout.folder}/hosts`);
    const authority = await createCertificateAuthority(layout.pki, certificateDays);
    const identities = makeIdentities(networks.map(({ name }) => name));
    const files = await issueControlPlane(authority, `${layout.pki}/tokens.csv`);
    writeTokenFile(files.tokenFile, identities);
    const openBao = new BoxOpenBao({
      folder: folderOf(layout, 'openbao'),
      logFile: layout.logOf('openbao'),
      auditFile: layout.logOf('openbao-audit'),
      serving: await issueOpenBao(authority),
      caPem: authority.caPem,
    });
    const ceph = options.ceph
      ? new BoxCeph({
          folder: folderOf(layout, 'ceph'),
          monitorLogFile: layout.logOf('ceph-mon'),
          osdLogFile: layout.logOf('ceph-osd'),
        })
      : undefined;
    const images = await writeBasicImages(layout.images);
    const nodes = new Map<string, BoxNode>();
    for (const network of networks) {
      const { name } = network;
      const identity = identities.kubelets.get(name) as Identity;
      const node = { network, folder: folderOf(layout, name), authority, identity, memoryMiB, diskGiB };
      nodes.set(name, await BoxNode.prepare(node, images));
    }
    return new Box({ layout, authority, identities, files, openBao, ceph, nodes });
  }

  /** Starts everything and resolves when the nodes are ready. @throws ToolError TOOL_NOT_PREPARED; Error with the end of a log */
  async start(report: Report): Promise<void> {
    // Guests need the longest, and their kubelets wait for the API server by themselves.
    const booted = Promise.all([...this.nodes].map((node) => node.boot(this.api)));
    await Promise.all([this.#startServers(report), this.#startCeph(report), booted]);
    report(`nodes ready: ${[...this.nodes].map(({ name }) => name).join(', ')}`);
  }

  get adminToken(): string {
    return this.#identities.admin.token;
  }

  get openBaoToken(): string {
    return this.#openBao.rootToken;
  }

  /** undefined when the box was started without. */
  get ceph(): BoxCeph | undefined {
    return this.#ceph;
  }

  get caPem(): string {
    return this.#authority.caPem;
  }

  /** @throws Error when there is none of that name */
  node(name: string): BoxNode {
    const found = this.#nodes.get(name);
    if (found === undefined) throw new Error(`no node ${name}; there are ${[...this.#nodes.keys()].join(', ')}`);
    return found;
  }

  get nodes(): IterableIterator<BoxNode> {
    return this.#nodes.values();
  }

  get processes(): readonly ProcessStatus[] {
    return [...this.#processes.values()].map(({ name, pid, logFile }) => ({
      name,
      running: pid !== undefined,
      residentMiB: pid === undefined ? 0 : residentMiB(pid),
      logFile,
    }));
  }

  async halt(name: string): Promise<void> {
    await this.#process(name).stop();
  }

  async resume(name: string): Promise<void> {
    await (name === 'openbao' ? this.#openBao : this.#process(name)).startAgain();
  }

  async restartApiServer(args: readonly string[]): Promise<void> {
    await this.halt('kube-apiserver');
    await this.#startApiServer(args);
  }

  /** Starts one more program on the host side, or another under the name of one that has ended. */
  startProgram({ name, command, args, env }: ProgramOptions): Promise<void> {
    return this.#start(name, { command, args, ...(env && { env }) });
  }

  /** Ends everything at once: nothing of its state is wanted any more. */
  async stop(): Promise<void> {
    await Promise.all([...this.nodes].map((node) => node.kill()));
    await Promise.all([...this.#processes.values()].map((process) => process.kill()));
  }

  async #startServers(report: Report): Promise<void> {
    const isReady = async () => (await requestJson({ url: `${etcdUrl}/health`, timeoutMs: 5_000 })).status === 200;
    const data = `${folderOf(this.#layout, 'etcd')}/data`;
    await this.#start('etcd', { command: requireTool('etcd'), args: etcdFlags(data), isHealthy: isReady });
    await Promise.all([this.#startApiServer([]), this.#openBao.start()]);
    report('etcd, kube-apiserver, OpenBao');
    const { controllerManager, scheduler } = this.#identities;
    await this.#start('kube-controller-manager', {
      command: requireTool('kube-controller-manager'),
      args: controllerManagerFlags(this.#files, this.#kubeconfigOf('kube-controller-manager', controllerManager)),
      // Pods are refused until it has made this.
      isHealthy: async () => (await this.api.request('GET', defaultServiceAccount)).status === 200,
    });
    await this.#start('kube-scheduler', {
      command: requireTool('kube-scheduler'),
      args: schedulerFlags(this.#kubeconfigOf('kube-scheduler', scheduler)),
    });
    await installCrds(this.api);
    const admin = this.#kubeconfigOf('snapshot-controller', this.#identities.admin);
    await this.#start('snapshot-controller', {
      command: requireTool('snapshot-controller'),
      args: [
        ...[`--kubeconfig=${admin}`, '--enable-distributed-snapshotting=true'],
        // It would look half a minute for their CRDs.
        '--feature-gates=CSIVolumeGroupSnapshot=false',
      ],
    });
    report('controllers');
  }

  async #startCeph(report: Report): Promise<void> {
    if (this.#ceph === undefined) return;
    await this.#ceph.start();
    report('Ceph');
  }

  #startApiServer(more: readonly string[]): Promise<void> {
    const isHealthy = async () => (await this.api.request('GET', '/readyz')).status === 200;
    const args = apiServerFlags(this.#files, more);
    return this.#start('kube-apiserver', { command: requireTool('kube-apiserver'), args, isHealthy });
  }

  async #start(name: string, command: Parameters<BoxProcess['start']>[0]): Promise<void> {
    const known = this.#processes.get(name);
    const process = known ?? new BoxProcess(name, folderOf(this.#layout, name), this.#layout.logOf(name));
    this.#processes.set(name, process);
    await process.start(command);
  }

  #process(name: string): BoxProcess {
    const found = this.#processes.get(name);
    if (found === undefined) throw new Error(`no program ${name}; there are ${[...this.#processes.keys()].join(', ')}`);
    return found;
  }

  #kubeconfigOf(name: string, { token }: Identity): string {
    const file = `${folderOf(this.#layout, name)}/kubeconfig`;
    writeKubeconfig(file, { url: apiServerUrl, caPem: this.#authority.caPem, token });
    return file;
  }
}

function folderOf(layout: BoxLayout, name: string): string {
  const folder = layout.of(name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

function residentMiB(pid: number): number {
  try {
    const [, pages = '0'] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
    return Math.round((Number(pages) * 4096) / 2 ** 20);
  } catch (error) {
    // It has just ended.
    if (isErrno(error, 'ENOENT', 'ESRCH')) return 0;
    throw error;
  }
}
