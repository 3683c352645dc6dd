/** R2: the lock on the keys of a volume, on a real Ceph: between two nodes, a holder that is killed, and one that lost it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withKeyLock } from '../../../runtime/device/rbd/key-lock';
import { RadosCluster } from '../../../runtime/device/rbd/rados/cluster';
import type { RadosObjects } from '../../../runtime/device/rbd/rados/objects';
import { Secret } from '../../../runtime/secret';
import { CEPH_TOOLS, type Ceph, startCeph } from '../../harness/ceph';
import { describeWith } from '../../harness/describe-with';
import type { LockToHold } from '../../harness/key-lock-holder';
import { endKeyLock } from '../../harness/rbd-deaths';
import { pool } from '../../harness/rbd-driver';

jest.setTimeout(600_000);

describeWith(CEPH_TOOLS, 'the lock on the keys of a volume', () => {
  let ceph: Ceph;
  let userKey: string;
  let clients: RadosCluster[];
  let one: RadosObjects;
  let other: RadosObjects;
  beforeAll(async () => {
    ceph = await startCeph();
    await ceph.createPool(pool);
    userKey = await ceph.createUser('csi');
    const connect = () =>
      RadosCluster.connect({ monitors: ceph.monitors, userId: 'csi', userKey: Secret.fromText(userKey) });
    clients = [await connect(), await connect()];
    [one, other] = clients.map((client) => client.objects(pool, '')) as [RadosObjects, RadosObjects];
  });
  afterAll(async () => {
    for (const client of clients ?? []) await client.close();
    await ceph?.stop();
  });

  let count = 0;
  const newUuid = () => `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`;
  const never = async () => 'never';

  test('keeps the other node out until the first has ended', async () => {
    const uuid = newUuid();
    await withKeyLock(one, uuid, 'volume-1', async (hold) => {
      await expect(withKeyLock(other, uuid, 'volume-1', never)).toRejectWithCode('VOLUME_BUSY');
      await hold.confirm();
    });
    expect(await withKeyLock(other, uuid, 'volume-1', async () => 'done')).toBe('done');
  });

  test('a holder that is killed keeps it until its time is over, and no longer', async () => {
    const uuid = newUuid();
    const holder = await holdInProcess(uuid, 10_000);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await expect(withKeyLock(other, uuid, 'volume-1', never)).toRejectWithCode('VOLUME_BUSY');
    const take = () => withKeyLock(other, uuid, 'volume-1', async () => 'done').catch(() => 'busy');
    while ((await take()) !== 'done') await sleep(500);
  });

  test('a holder that lost it to another node is told before its next step', async () => {
    const uuid = newUuid();
    const stopped = withKeyLock(one, uuid, 'volume-1', async (hold) => {
      await hold.confirm();
      await endKeyLock(ceph, uuid);
      await withKeyLock(other, uuid, 'volume-1', async (theirs) => {
        await expect(hold.confirm()).toRejectWithCode('VOLUME_BUSY');
        await theirs.confirm();
      });
      return hold.confirm();
    });
    await expect(stopped).toRejectWithCode('VOLUME_BUSY');
  });

  /** Resolves when the process has the lock. */
  async function holdInProcess(uuid: string, durationMs: number): Promise<ChildProcess> {
    const program = join(__dirname, '../../harness/key-lock-holder.ts');
    const child = spawn(process.execPath, ['--import', 'tsx', program], { stdio: ['pipe', 'pipe', 'inherit'] });
    const order: LockToHold = { monitors: ceph.monitors, userId: 'csi', userKey, pool, uuid, durationMs };
    child.stdin.write(JSON.stringify(order));
    const ended = once(child, 'exit').then(() => {
      throw new Error('the holder ended before it had the lock');
    });
    await Promise.race([once(child.stdout, 'data'), ended]);
    ended.catch(() => undefined);
    return child;
  }
});
