/** A node of the box: a guest with a kubelet, and a disk that outlives it. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CertificateAuthority } from '../../test/harness/certificates';
import { requireTool } from '../ensure';
import { exec } from '../exec';
import { runInGuest } from '../guest/run-in-guest';
import { hostAddress, hostPrefix, type NodeNetwork } from './addresses';
import type { ApiClient } from './api-client';
import { apiServerUrl } from './control-plane';
import { type Identity, writeKubeconfig } from './identities';
import { type NodeCommand, type NodeCommandResult, runInNode } from './node-commands';
import { nodeFiles } from './node-files';

export interface NodeOptions {
  readonly network: NodeNetwork;
  /** Everything of the node is in it. A path without spaces and commas. */
  readonly folder: string;
  readonly authority: CertificateAuthority;
  readonly identity: Identity;
  readonly memoryMiB: number;
  readonly diskGiB: number;
}

const modules = ['dm-crypt', 'loop', 'overlay', 'veth', 'bridge', 'nbd', 'rbd'];
/** Inodes are written at once, so that no thread of the guest does it later: few, but enough for images and pods. */
const diskInodes = 100_000;
const noLimitMs = 2 ** 31 - 1;
const pollMs = 250;
/** On a machine that does much else. */
const bootLimitMs = 9 * 60_000;
const importTimeoutMs = 600_000;

/** What is looked at of a node. */
interface NodeObject {
  readonly status?: {
    readonly nodeInfo?: { readonly bootID: string };
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message: string }[];
  };
}

export class BoxNode {
  readonly #options: NodeOptions;
  #guest: { readonly ended: Promise<void>; readonly kill: AbortController } | undefined;

  private constructor(options: NodeOptions) {
    this.#options = options;
  }

  /** Makes disk and configuration; boots nothing. @param images archives that it imports when it boots for the first time */
  static async prepare(options: NodeOptions, images: readonly string[]): Promise<BoxNode> {
    const { network, folder, authority, identity } = options;
    for (const name of ['requests', 'images', 'guest']) mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
    const serving = await authority.issueServer(network.name, [network.address]);
    const { caPem } = authority;
    const files = nodeFiles({ network, folder, serving, caPem, runtime: requireTool('crun') });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
    writeKubeconfig(join(folder, 'kubeconfig'), { url: apiServerUrl, caPem, token: identity.token });
    copyFileSync(join(__dirname, 'node.sh'), join(folder, 'node.sh'));
    for (const image of images) copyFileSync(image, join(folder, 'images', basename(image)));
    await makeDisk(join(folder, 'disk'), options.diskGiB);
    return new BoxNode(options);
  }

  get name(): string {
    return this.#options.network.name;
  }

  get network(): NodeNetwork {
    return this.#options.network;
  }

  get isRunning(): boolean {
    return this.#guest !== undefined;
  }

  /**
   * Starts the guest and resolves when the API server sees its kubelet ready.
   * @throws Error with the end of its log when it ends before, or takes too long
   */
  async boot(api: ApiClient): Promise<void> {
    this.#start();
    const untilMs = Date.now() + bootLimitMs;
    for (;;) {
      const missing = await this.#missing(api);
      if (missing === undefined) return;
      if (this.#guest === undefined) throw new Error(`${this.name} ended before it was ready. ${this.#logTail()}`);
      if (Date.now() > untilMs) throw new Error(`${this.name} is not ready: ${missing}. ${this.#logTail()}`);
      await sleep(pollMs);
    }
  }

  /** As if its power were cut; the disk stays. */
  async kill(): Promise<void> {
    const guest = this.#guest;
    guest?.kill.abort();
    await guest?.ended;
  }

  /** @throws Error when the node does not run or the command takes too long */
  run(command: NodeCommand): Promise<NodeCommandResult> {
    if (this.#guest === undefined) throw new Error(`${this.name} does not run: boot it`);
    return runInNode(join(this.#options.folder, 'requests'), command);
  }

  /** Imports an image from its archive. @throws Error with what containerd says */
  async importImage(archive: string): Promise<void> {
    const copy = join(this.#options.folder, 'images', `import-${basename(archive)}`);
    copyFileSync(archive, copy);
    try {
      const argv = ['ctr', '--timeout=10m', '-n', 'k8s.io', 'images', 'import', copy];
      const { exitCode, stderr } = await this.run({ argv, timeoutMs: importTimeoutMs });
      if (exitCode !== 0) throw new Error(`${this.name} could not import ${archive}: ${stderr}`);
    } finally {
      rmSync(copy, { force: true });
    }
  }

  #start(): void {
    if (this.#guest !== undefined) throw new Error(`${this.name} runs already`);
    const { network, folder, memoryMiB } = this.#options;
    for (const name of ['boot-id', 'requests']) rmSync(join(folder, name), { recursive: true, force: true });
    mkdirSync(join(folder, 'requests'), { mode: 0o700 });
    const log = join(folder, 'node.log');
    const keep = (chunk: Buffer) => writeFileSync(log, chunk, { flag: 'a', mode: 0o600 });
    const kubelet = requireTool('kubelet');
    const kill = new AbortController();
    const ended = runInGuest({
      command: [
        ...['bash', join(folder, 'node.sh'), folder, network.name],
        ...[`${network.address}/${hostPrefix}`, hostAddress, kubelet],
      ],
      cwd: '/',
      // Signals with which Go interrupts its own threads cost this kernel more than the work between them.
      env: { PATH: process.env.PATH, GODEBUG: 'asyncpreemptoff=1' },
      memoryMiB,
      timeoutMs: noLimitMs,
      modules,
      disks: [join(folder, 'disk')],
      tap: network.tap,
      stateParent: join(folder, 'guest'),
      expose: [folder, dirname(kubelet)],
      onStdout: keep,
      onStderr: keep,
      signal: kill.signal,
    }).then(
      ({ console }) => this.#ended(kill.signal.aborted ? '' : console),
      (error: unknown) => this.#ended(String(error)),
    );
    this.#guest = { ended, kill };
  }

  #ended(lastWords: string): void {
    writeFileSync(join(this.#options.folder, 'node.log'), `${lastWords}\nended\n`, { flag: 'a', mode: 0o600 });
    this.#guest = undefined;
  }

  /** What the kubelet of this very guest still lacks to be ready. */
  async #missing(api: ApiClient): Promise<string | undefined> {
    const bootFile = join(this.#options.folder, 'boot-id');
    if (!existsSync(bootFile)) return 'its kubelet was not started';
    const node = await readNode(api, this.name);
    if (typeof node === 'string') return node;
    const { nodeInfo, conditions = [] } = node.status ?? {};
    if (nodeInfo?.bootID !== readFileSync(bootFile, 'utf8').trim()) return 'its kubelet has not reported';
    const ready = conditions.find(({ type }) => type === 'Ready');
    return ready?.status === 'True' ? undefined : (ready?.message ?? 'it has no condition Ready');
  }

  #logTail(): string {
    const log = join(this.#options.folder, 'node.log');
    return `Its log, ${log}, ends:\n${readFileSync(log, 'utf8').trimEnd().split('\n').slice(-15).join('\n')}`;
  }
}

/** @returns the node, or why there is none */
async function readNode(api: ApiClient, name: string): Promise<NodeObject | string> {
  try {
    const { status, body } = await api.request('GET', `/api/v1/nodes/${name}`);
    return status === 200 ? (body as NodeObject) : 'its kubelet has not registered it';
  } catch (error) {
    return `the API server does not answer: ${String(error)}`;
  }
}

async function makeDisk(file: string, sizeGiB: number): Promise<void> {
  writeFileSync(file, '', { mode: 0o600 });
  truncateSync(file, sizeGiB * 2 ** 30);
  const flags = ['-q', '-F', '-N', String(diskInodes), '-E', 'lazy_itable_init=0,lazy_journal_init=0,nodiscard'];
  const { exitCode, output } = await exec(requireTool('mkfs.ext4'), [...flags, file]);
  if (exitCode !== 0) throw new Error(`mkfs.ext4 failed: ${output}`);
}
