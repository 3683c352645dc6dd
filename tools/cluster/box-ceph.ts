/** Ceph in the box: one monitor and one OSD, on the address that nodes and pods reach, with a pool and a user for a driver. */
import { randomUUID } from 'node:crypto';
import { type CephResult, cephCommands } from '../ceph/ceph-client';
import { CephCluster } from '../ceph/ceph-cluster';
import { hostAddress } from './addresses';
import { BoxProcess } from './box-process';
import type { CephStatus } from './control-protocol';

const pool = 'kube';
const user = 'keyward';
/** Of the sparse file of the OSD. */
const sizeBytes = 8 * 1024 ** 3;

export interface BoxCephFiles {
  /** Everything of the cluster is in it; of a file system that takes direct writes. */
  readonly folder: string;
  readonly monitorLogFile: string;
  readonly osdLogFile: string;
}

export class BoxCeph {
  /** The monitor comes first, also when they are started again. */
  readonly processes: readonly [BoxProcess, BoxProcess];
  readonly #cluster: CephCluster;
  #userKey = '';

  constructor({ folder, monitorLogFile, osdLogFile }: BoxCephFiles) {
    const monitor = new BoxProcess('ceph-mon', folder, monitorLogFile);
    const osd = new BoxProcess('ceph-osd', folder, osdLogFile);
    this.processes = [monitor, osd];
    const config = { folder, fsid: randomUUID(), address: hostAddress, store: 'bluestore', sizeBytes } as const;
    this.#cluster = new CephCluster(config, { monitor, osds: [osd] });
  }

  get status(): CephStatus {
    const { fsid, monitors } = this.#cluster;
    return { fsid, monitors, pool, user };
  }

  /** Of the user whom the status names. */
  get userKey(): string {
    return this.#userKey;
  }

  /** First start. @throws ToolError TOOL_NOT_PREPARED; Error with the output of a command or the end of a log */
  async start(): Promise<void> {
    await this.#cluster.initialise();
    await this.#cluster.createPool(pool);
    this.#userKey = await this.#cluster.createUser(user, { mon: 'profile rbd', osd: `profile rbd pool=${pool}` });
  }

  /** Runs `ceph`, `rados` or `rbd` as admin; any exit code is an answer. @throws Error for another command */
  async run([command = '', ...args]: readonly string[], stdin?: string): Promise<CephResult> {
    if (!cephCommands.some((known) => known === command))
      throw new Error(`${command === '' ? 'nothing' : command}: give one of ${cephCommands.join(', ')}`);
    return this.#cluster.run(command, ['-c', this.#cluster.configFile, ...args], stdin);
  }
}
