/** Ceph's own commands as the admin of a cluster that lives in one folder. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { findCommand } from '../find-command';

/** Capabilities by daemon type, for example `{ mon: 'profile rbd', osd: 'profile rbd pool=kube' }`. */
export type CephCapabilities = Readonly<Record<string, string>>;

/** The commands that ask a cluster. */
export const cephCommands = ['ceph', 'rados', 'rbd'] as const;

export interface CephResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const rbdCapabilities: CephCapabilities = { mon: 'profile rbd', osd: 'profile rbd' };
/** For one command: the guest takes seconds for each, a loaded host as well. */
const deadlineMs = 180_000;

export class CephClient {
  /** @param folder HOME of the commands; ceph.conf with the keyring of `admin` is in it. */
  constructor(readonly folder: string) {}

  /** What `ceph`, `rbd` and `rados` below run with. */
  get configFile(): string {
    return join(this.folder, 'ceph.conf');
  }

  /** Runs `ceph ARGS` as admin and gives what it prints. @throws Error with its output when it fails */
  ceph(args: readonly string[], input?: string | Uint8Array): Promise<string> {
    return this.tool('ceph', ['-c', this.configFile, '--connect-timeout', '60', ...args], input);
  }

  /** Runs `rbd ARGS` as admin and gives what it prints. @throws Error with its output when it fails */
  rbd(args: readonly string[], input?: string | Uint8Array): Promise<string> {
    return this.tool('rbd', ['-c', this.configFile, ...args], input);
  }

  /** Runs `rados ARGS` as admin and gives what it prints. @throws Error with its output when it fails */
  rados(args: readonly string[], input?: string | Uint8Array): Promise<string> {
    return this.tool('rados', ['-c', this.configFile, ...args], input);
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

  /** Runs one command to its end; any exit code is an answer. @throws Error when it cannot be started or takes too long */
  run(command: string, args: readonly string[], input: string | Uint8Array = ''): Promise<CephResult> {
    const options = {
      env: { PATH: process.env.PATH, HOME: this.folder },
      timeout: deadlineMs,
      maxBuffer: 256 * 1024 * 1024,
    };
    return new Promise((resolve, reject) => {
      const child = execFile(findCommand(command) ?? command, args, options, (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : error.code;
        if (typeof exitCode === 'number') resolve({ exitCode, stdout, stderr });
        else reject(error);
      });
      // Not every command reads its input, and one that has ended already has closed it.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(input);
    });
  }

  /** What a command prints. @throws Error with its output when it fails */
  protected async tool(command: string, args: readonly string[], input?: string | Uint8Array): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(command, args, input);
    if (exitCode === 0) return stdout;
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout.slice(-2_000)}${stderr.slice(-4_000)}`);
  }
}
