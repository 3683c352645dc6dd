/** Ceph of the cluster in a box, as its admin. */
import { join } from 'node:path';
import type { CephResult } from '../../tools/ceph/ceph-client';
import type { CephStatus } from '../../tools/cluster/control-protocol';

export type RunCeph = (argv: readonly string[], stdin?: string) => Promise<CephResult>;

export class BoxedCeph implements CephStatus {
  readonly fsid: string;
  readonly monitors: readonly string[];
  readonly pool: string;
  readonly user: string;
  /** Of the user. */
  readonly userKey: string;
  /** Files of the OSD, where every byte of every image is. */
  readonly storeFolder: string;
  /** With the keyring of the admin; for programs of the box. */
  readonly configFile: string;
  readonly #run: RunCeph;

  constructor(status: CephStatus, parts: { readonly userKey: string; readonly folder: string; readonly run: RunCeph }) {
    this.fsid = status.fsid;
    this.monitors = status.monitors;
    this.pool = status.pool;
    this.user = status.user;
    this.userKey = parts.userKey;
    this.storeFolder = join(parts.folder, 'osd.0');
    this.configFile = join(parts.folder, 'ceph.conf');
    this.#run = parts.run;
  }

  /** Runs `ceph ARGS` and gives what it prints. @throws Error with its output when it fails */
  ceph(args: readonly string[]): Promise<string> {
    return this.#expectOk(['ceph', ...args]);
  }

  /** Runs `rbd ARGS` and gives what it prints. @throws Error with its output when it fails */
  rbd(args: readonly string[]): Promise<string> {
    return this.#expectOk(['rbd', ...args]);
  }

  /** Runs `rados ARGS` and gives what it prints. @throws Error with its output when it fails */
  rados(args: readonly string[], stdin?: string): Promise<string> {
    return this.#expectOk(['rados', ...args], stdin);
  }

  async #expectOk(argv: readonly string[], stdin?: string): Promise<string> {
    const { exitCode, stdout, stderr } = await this.#run(argv, stdin);
    if (exitCode === 0) return stdout;
    throw new Error(`${argv.join(' ')} failed: ${stdout}${stderr}`);
  }
}
