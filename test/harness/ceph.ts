/** A real Ceph of one monitor and its OSDs with cephx, without a manager: on a loopback address and in a folder of its own. */
import { execFile } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ToolName } from '../../tools/components';
import { requireTool } from '../../tools/ensure';
import { findCommand } from '../../tools/find-command';
import { type CephConfig, cephConfig, legacyPort, monitorAddress } from './ceph-config';
import { type ServerCommand, ServerProcess } from './server-process';

/** What a test with a Ceph names in `describeWith`. */
export const CEPH_TOOLS = ['ceph-mon', 'ceph-osd', 'ceph'] as const satisfies readonly ToolName[];

export interface CephOptions {
  /** @default 'bluestore' on a host; 'memstore' in the guest, whose tmpfs takes no direct writes */
  readonly store?: CephConfig['store'];
  /** An erasure-coded pool needs three. @default 1 */
  readonly osds?: number;
  /** Size of each OSD: of a sparse file with bluestore, of memory as it is used with memstore. @default 4 GiB */
  readonly sizeBytes?: number;
}

/** Capabilities by daemon type, for example `{ mon: 'profile rbd', osd: 'profile rbd pool=kube' }`. */
export type CephCapabilities = Readonly<Record<string, string>>;

const insideGuest = process.env.KEYWARD_GUEST === '1';
/** For one command and for the OSD to come up: the guest takes seconds for each, a loaded host as well. */
const deadlineMs = 180_000;

/** @throws ToolError TOOL_NOT_PREPARED when Ceph is not installed; Error with the end of the logs when it does not start */
export async function startCeph(options: CephOptions = {}): Promise<Ceph> {
  const monitor = new ServerProcess('ceph-mon');
  const ceph = new Ceph({
    monitor,
    osds: Array.from({ length: options.osds ?? 1 }, () => new ServerProcess('ceph-osd')),
    config: {
      folder: monitor.folder,
      fsid: randomUUID(),
      // Not free ports of 127.0.0.1: only of the usual ports do clients know which of the two protocols is spoken there.
      address: `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`,
      store: options.store ?? (insideGuest ? 'memstore' : 'bluestore'),
      sizeBytes: options.sizeBytes ?? 4 * 1024 ** 3,
    },
  });
  try {
    await ceph.initialise();
    return ceph;
  } catch (error) {
    const logs = ceph.logTail;
    await ceph.stop();
    throw new Error(`Ceph did not start. The logs end:\n${logs}`, { cause: error });
  }
}

interface Parts {
  readonly monitor: ServerProcess;
  readonly osds: readonly ServerProcess[];
  readonly config: CephConfig;
}

export class Ceph {
  readonly #parts: Parts;
  #adminKey = '';

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Of the old protocol, which every kernel speaks; the same over a restart. */
  get monitors(): readonly string[] {
    return [`${this.#parts.config.address}:${legacyPort}`];
  }

  get fsid(): string {
    return this.#parts.config.fsid;
  }

  /** Key of the user `admin`, who may do everything. */
  get adminKey(): string {
    return this.#adminKey;
  }

  /** ceph.conf with the keyring of `admin`; what `ceph`, `rbd` and `rados` below run with. */
  get configFile(): string {
    return join(this.#parts.config.folder, 'ceph.conf');
  }

  get logTail(): string {
    const { monitor, osds } = this.#parts;
    const logs = osds.map(({ logTail }, id) => `\nosd.${id}:\n${logTail.slice(-4_000)}`);
    return `monitor:\n${monitor.logTail.slice(-4_000)}${logs.join('')}`;
  }

  /** Runs `ceph ARGS` as admin and gives what it prints. @throws Error with its output when it fails */
  ceph(args: readonly string[], input?: string | Uint8Array): Promise<string> {
    return this.#execute('ceph', ['--connect-timeout', '60', ...args], input);
  }

  /** Runs `rbd ARGS` as admin and gives what it prints. @throws Error with its output when it fails */
  rbd(args: readonly string[], input?: string | Uint8Array): Promise<string> {
    return this.#execute('rbd', args, input);
  }

  /** Runs `rados ARGS` as admin and gives what it prints. @throws Error with its output when it fails */
  rados(args: readonly string[], input?: string | Uint8Array): Promise<string> {
    return this.#execute('rados', args, input);
  }

  /**
   * Makes a pool for RBD and returns its number; its placement groups serve when this resolves.
   * @param kind Images can only have their data in an erasure-coded one, which needs store `bluestore`.
   */
  async createPool(name: string, kind: 'replicated' | 'erasure' = 'replicated'): Promise<number> {
    const profile = kind === 'erasure' ? [name] : [];
    if (kind === 'erasure') {
      await this.ceph(['osd', 'erasure-code-profile', 'set', name, 'k=2', 'm=1', 'crush-failure-domain=osd']);
    }
    await this.ceph(['osd', 'pool', 'create', name, '8', '8', kind, ...profile]);
    if (kind === 'erasure') await this.ceph(['osd', 'pool', 'set', name, 'allow_ec_overwrites', 'true']);
    await this.ceph(['osd', 'pool', 'application', 'enable', name, 'rbd']);
    // It visits every placement group, and waits for each.
    await this.rados(['-p', name, 'ls']);
    const pools: { poolnum: number; poolname: string }[] = JSON.parse(
      await this.ceph(['osd', 'lspools', '-f', 'json']),
    );
    const pool = pools.find(({ poolname }) => poolname === name);
    if (pool === undefined) throw new Error(`Ceph made no pool ${name}`);
    return pool.poolnum;
  }

  /** Makes the user `client.NAME`, or finds it, and returns its key. */
  async createUser(name: string, capabilities: CephCapabilities = rbdCapabilities): Promise<string> {
    const pairs = Object.entries(capabilities).flat();
    return (await this.ceph(['auth', 'get-or-create-key', `client.${name}`, ...pairs])).trim();
  }

  /** Makes the manager `mgr.NAME` known and returns its keyring. */
  createManager(name: string): Promise<string> {
    return this.ceph(['auth', 'get-or-create', `mgr.${name}`, 'mon', 'allow profile mgr', 'osd', 'allow *']);
  }

  /**
   * Runs `action` while the monitor is ended: nobody can connect, and who is connected goes on for a while. It is back on the
   * same address afterwards, also when `action` fails: what the tests after it do would wait for it.
   */
  async withoutMonitor(action: () => Promise<void>): Promise<void> {
    await this.#parts.monitor.halt();
    try {
      await action();
    } finally {
      await this.#startMonitor();
    }
  }

  /** The same without the OSDs, which tell the monitor: operations on objects hang. Needs store `bluestore`. */
  async withoutOsds(action: () => Promise<void>): Promise<void> {
    if (this.#parts.config.store === 'memstore') throw new Error("a halted OSD loses the data of store 'memstore'");
    await Promise.all(this.#parts.osds.map((osd) => osd.halt()));
    try {
      await action();
    } finally {
      await this.#startOsds();
    }
  }

  /** Makes the cluster and starts it; `startCeph` has called it. */
  async initialise(): Promise<void> {
    const { config } = this.#parts;
    const { folder } = config;
    const keyring = join(folder, 'keyring');
    writeFileSync(this.configFile, cephConfig(config));
    const everything = ['mon', 'osd', 'mds', 'mgr'].flatMap((type) => ['--cap', type, 'allow *']);
    const keys = ['--create-keyring', keyring, '--gen-key', '-n', 'client.admin', ...everything];
    await this.#tool('ceph-authtool', keys);
    await this.#tool('ceph-authtool', [keyring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *']);
    this.#adminKey = await this.#printKey('client.admin', keyring);
    const map = join(folder, 'monmap');
    const monitors = ['--addv', 'a', monitorAddress(config)];
    await this.#tool('monmaptool', ['--create', '--fsid', config.fsid, ...monitors, map]);
    await this.#tool('ceph-mon', ['--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring, '-c', this.configFile]);
    await this.#startMonitor();
    for (const id of this.#parts.osds.keys()) await this.#makeOsd(id);
    await this.#startOsds();
  }

  async stop(): Promise<void> {
    const { monitor, osds } = this.#parts;
    // Nothing of their state is wanted, and in order they would take seconds.
    for (const { pid } of [...osds, monitor]) if (pid !== undefined) process.kill(pid, 'SIGKILL');
    for (const each of [...osds, monitor]) await each.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #startMonitor(): Promise<void> {
    await this.#parts.monitor.start(this.#monitorCommand());
  }

  async #startOsds(): Promise<void> {
    for (const [id, osd] of this.#parts.osds.entries()) await osd.start(this.#osdCommand(id));
  }

  async #makeOsd(id: number): Promise<void> {
    const name = `osd.${id}`;
    const data = join(this.#parts.config.folder, name);
    const keyring = join(data, 'keyring');
    mkdirSync(data);
    await this.#tool('ceph-authtool', ['--create-keyring', keyring, '--gen-key', '-n', name]);
    const uuid = randomUUID();
    const secret = JSON.stringify({ cephx_secret: await this.#printKey(name, keyring) });
    await this.ceph(['osd', 'new', uuid, `${id}`, '-i', '-'], secret);
    const identity = ['-i', `${id}`, '--osd-uuid', uuid, '--keyring', keyring, '-c', this.configFile];
    await this.#tool('ceph-osd', ['--mkfs', ...identity]);
  }

  #monitorCommand(): ServerCommand {
    return {
      command: requireTool('ceph-mon'),
      args: ['-f', '-i', 'a', '-c', this.configFile],
      isHealthy: async () => {
        await this.#execute('ceph', ['--connect-timeout', '10', 'mon', 'stat']);
        return true;
      },
      healthDeadlineMs: deadlineMs,
    };
  }

  #osdCommand(id: number): ServerCommand {
    const keyring = join(this.#parts.config.folder, `osd.${id}`, 'keyring');
    return {
      command: requireTool('ceph-osd'),
      args: ['-f', '-i', `${id}`, '--keyring', keyring, '-c', this.configFile],
      isHealthy: async () => {
        const { osds }: { osds: readonly { osd: number; up: number }[] } = JSON.parse(
          await this.ceph(['osd', 'dump', '-f', 'json']),
        );
        return osds.some(({ osd, up }) => osd === id && up === 1);
      },
      healthDeadlineMs: deadlineMs,
    };
  }

  async #printKey(name: string, keyring: string): Promise<string> {
    return (await this.#tool('ceph-authtool', ['-p', '-n', name, keyring])).trim();
  }

  #execute(command: string, args: readonly string[], input?: string | Uint8Array): Promise<string> {
    return this.#tool(command, ['-c', this.configFile, ...args], input);
  }

  #tool(command: string, args: readonly string[], input: string | Uint8Array = ''): Promise<string> {
    const { folder } = this.#parts.config;
    const options = {
      env: { PATH: process.env.PATH, HOME: folder },
      timeout: deadlineMs,
      maxBuffer: 256 * 1024 * 1024,
    };
    return new Promise((resolve, reject) => {
      const child = execFile(findCommand(command) ?? command, args, options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${command} ${args.join(' ')} failed:\n${stdout.slice(-2_000)}${stderr.slice(-4_000)}`));
      });
      // Not every command reads its input, and one that has ended already has closed it.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(input);
    });
  }
}

const rbdCapabilities: CephCapabilities = { mon: 'profile rbd', osd: 'profile rbd' };
