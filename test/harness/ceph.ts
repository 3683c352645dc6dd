/** A real Ceph for tests: on a loopback address and in a folder of its own. */
import { randomInt, randomUUID } from 'node:crypto';
import { CephCluster, type CephProcess, cephComponents } from '../../tools/ceph/ceph-cluster';
import type { CephConfig } from '../../tools/ceph/ceph-config';
import { ServerProcess } from './server-process';

/** What a test with a Ceph names in `describeWith`. */
export const CEPH_TOOLS = cephComponents;

export interface CephOptions {
  /** @default 'bluestore' on a host; 'memstore' in the guest, whose tmpfs takes no direct writes */
  readonly store?: CephConfig['store'];
  /** An erasure-coded pool needs three. @default 1 */
  readonly osds?: number;
  /** Size of each OSD: of a sparse file with bluestore, of memory as it is used with memstore. @default 4 GiB */
  readonly sizeBytes?: number;
}

const insideGuest = process.env.KEYWARD_GUEST === '1';
/** For the OSD to come up: the guest takes seconds for each command, a loaded host as well. */
const healthDeadlineMs = 180_000;

/** @throws ToolError TOOL_NOT_PREPARED when Ceph is not installed; Error with the end of the logs when it does not start */
export async function startCeph(options: CephOptions = {}): Promise<Ceph> {
  const monitor = new ServerProcess('ceph-mon');
  const osds = Array.from({ length: options.osds ?? 1 }, () => new ServerProcess('ceph-osd'));
  const ceph = new Ceph(
    { monitor, osds },
    {
      folder: monitor.folder,
      fsid: randomUUID(),
      // Not free ports of 127.0.0.1: only of the usual ports do clients know which of the two protocols is spoken there.
      address: `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`,
      store: options.store ?? (insideGuest ? 'memstore' : 'bluestore'),
      sizeBytes: options.sizeBytes ?? 4 * 1024 ** 3,
    },
  );
  try {
    await ceph.initialise();
    return ceph;
  } catch (error) {
    const logs = ceph.logTail;
    await ceph.stop();
    throw new Error(`Ceph did not start. The logs end:\n${logs}`, { cause: error });
  }
}

interface Servers {
  readonly monitor: ServerProcess;
  readonly osds: readonly ServerProcess[];
}

export class Ceph extends CephCluster {
  readonly #servers: Servers;

  constructor(servers: Servers, config: CephConfig) {
    super(config, { monitor: patient(servers.monitor), osds: servers.osds.map(patient) });
    this.#servers = servers;
  }

  get logTail(): string {
    const { monitor, osds } = this.#servers;
    const logs = osds.map(({ logTail }, id) => `\nosd.${id}:\n${logTail.slice(-4_000)}`);
    return `monitor:\n${monitor.logTail.slice(-4_000)}${logs.join('')}`;
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
    await this.#servers.monitor.halt();
    try {
      await action();
    } finally {
      await this.startMonitor();
    }
  }

  /** The same without the OSDs, which tell the monitor: operations on objects hang. Needs store `bluestore`. */
  async withoutOsds(action: () => Promise<void>): Promise<void> {
    if (this.config.store === 'memstore') throw new Error("a halted OSD loses the data of store 'memstore'");
    await Promise.all(this.#servers.osds.map((osd) => osd.halt()));
    try {
      await action();
    } finally {
      await this.startOsds();
    }
  }

  async stop(): Promise<void> {
    const { monitor, osds } = this.#servers;
    // Nothing of their state is wanted, and in order they would take seconds.
    for (const { pid } of [...osds, monitor]) if (pid !== undefined) process.kill(pid, 'SIGKILL');
    for (const each of [...osds, monitor]) await each.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function patient(server: ServerProcess): CephProcess {
  return { start: (command) => server.start({ ...command, healthDeadlineMs }) };
}
