/** A real Ceph with the pool `kube`, a user for it, and a connection of that user. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RadosCluster } from '../../../runtime/device/rbd/rados/cluster';
import type { ClusterAccess } from '../../../runtime/device/rbd/rados/handle';
import { Secret } from '../../../runtime/secret';
import { type Ceph, startCeph } from '../../harness/ceph';

const userId = 'csi';

export class RadosFixture {
  readonly ceph: Ceph;
  readonly poolId: number;
  readonly userKey: string;
  readonly cluster: RadosCluster;

  private constructor(ceph: Ceph, poolId: number, userKey: string, cluster: RadosCluster) {
    this.ceph = ceph;
    this.poolId = poolId;
    this.userKey = userKey;
    this.cluster = cluster;
  }

  static async start(): Promise<RadosFixture> {
    const ceph = await startCeph();
    const poolId = await ceph.createPool('kube');
    const userKey = await ceph.createUser(userId);
    const access = { monitors: ceph.monitors, userId, userKey: Secret.fromText(userKey) };
    return new RadosFixture(ceph, poolId, userKey, await RadosCluster.connect(access));
  }

  /** Of the user `csi`, or of another, or with another key. */
  readonly access = (user = userId, key = this.userKey): ClusterAccess => ({
    monitors: this.ceph.monitors,
    userId: user,
    userKey: Secret.fromText(key),
  });

  async stop(): Promise<void> {
    await this.cluster.close();
    await this.ceph.stop();
  }
}

/** An error with this code, whatever else it says. */
export function coded(code: string) {
  return expect.objectContaining({ code });
}

export function texts(entries: ReadonlyMap<string, Buffer> | undefined): Record<string, string> | undefined {
  return entries && Object.fromEntries([...entries].map(([key, value]) => [key, value.toString()]));
}

export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await sleep(50);
}

export function newName(): string {
  return `object-${randomUUID()}`;
}
