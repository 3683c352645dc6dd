/**
 * A process with a Ceph client of its own that takes the lock on the keys of a volume, says `held`, and keeps it until it is
 * killed. Reads one line of JSON, {@link LockToHold}, from standard input.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { withKeyLock } from '../../runtime/device/rbd/key-lock';
import { RadosCluster } from '../../runtime/device/rbd/rados/cluster';
import { Secret } from '../../runtime/secret';

export interface LockToHold {
  readonly monitors: readonly string[];
  readonly userId: string;
  readonly userKey: string;
  readonly pool: string;
  readonly uuid: string;
  readonly durationMs: number;
}

async function main(): Promise<void> {
  const [line] = await once(process.stdin, 'data');
  const { userKey, pool, uuid, durationMs, ...access }: LockToHold = JSON.parse(String(line));
  const cluster = await RadosCluster.connect({ ...access, userKey: Secret.fromText(userKey) });
  const times = { durationMs, renewEveryMs: durationMs / 10 };
  const hold = async () => {
    process.stdout.write('held');
    for (;;) await sleep(1_000);
  };
  await withKeyLock(cluster.objects(pool, ''), uuid, 'volume-1', hold, times);
}

void main();
