/** The lock on the keys of a volume: for one at a time, for as long as its holder lives, and what a holder that lost it is told. */
import { setTimeout as pause } from 'node:timers/promises';
import { withKeyLock } from '../../../../runtime/device/rbd/key-lock';
import { MemoryObjects } from '../../../harness/memory-objects';

const uuid = '00000000-0000-4000-8000-000000000001';
const name = `${uuid}-mutexLock`;
const longTimes = { durationMs: 600_000, renewEveryMs: 600_000 };
const shortTimes = { durationMs: 300, renewEveryMs: 600_000 };

let one: MemoryObjects;
let other: MemoryObjects;
beforeEach(() => {
  one = new MemoryObjects();
  other = new MemoryObjects(one);
});

const holding = <T>(objects: MemoryObjects, action: Parameters<typeof withKeyLock<T>>[3], times = longTimes) =>
  withKeyLock(objects, uuid, 'volume-1', action, times);

test('R2: refuses a second holder as VOLUME_BUSY, and takes it when the first has ended', async () => {
  await holding(one, async (hold) => {
    await expect(holding(other, async () => 'never')).toRejectWithCode('VOLUME_BUSY');
    await hold.confirm();
  });
  expect(await holding(other, async () => 'done')).toBe('done');
});

test('a holder that fails gives it back', async () => {
  await expect(holding(one, () => Promise.reject(new Error('stop')))).rejects.toThrow('stop');
  expect(await holding(other, async () => 'done')).toBe('done');
});

test('R2: a holder that died keeps others out until its time is over, and no longer', async () => {
  void holding(one, () => new Promise<void>(() => undefined), shortTimes);
  let refused = 0;
  for (;;) {
    const outcome = await holding(other, async () => 'done').catch((error: { code: string }) => error.code);
    if (outcome === 'done') break;
    expect(outcome).toBe('VOLUME_BUSY');
    refused += 1;
    await pause(20);
  }
  expect(refused).toBeGreaterThan(0);
});

test('R2: a holder whose lock has gone to another is told before its next step, and leaves it with the other', async () => {
  const stopped = holding(
    one,
    async (hold) => {
      await hold.confirm();
      await pause(400);
      await holding(other, async (theirs) => {
        await expect(hold.confirm()).toRejectWithCode('VOLUME_BUSY');
        await theirs.confirm();
      });
      return hold.confirm();
    },
    shortTimes,
  );
  await expect(stopped).toRejectWithCode('VOLUME_BUSY');
});

test('R2: a lock that ended is not taken again in silence: another may have had it meanwhile', async () => {
  const stopped = holding(
    one,
    async (hold) => {
      await pause(400);
      return hold.confirm();
    },
    shortTimes,
  );
  await expect(stopped).toRejectWithCode('VOLUME_BUSY');
});

test('R2: a holder whose lock an operator breaks is told', async () => {
  const broken = holding(one, async (hold) => {
    one.stored.get(uuid)?.locks.delete(name);
    return hold.confirm();
  });
  await expect(broken).toRejectWithCode('VOLUME_BUSY');
});

test('a holder that lives keeps it for longer than its duration', async () => {
  await holding(
    one,
    async (hold) => {
      await pause(3_500);
      await expect(holding(other, async () => 'never')).toRejectWithCode('VOLUME_BUSY');
      await hold.confirm();
    },
    { durationMs: 3_000, renewEveryMs: 20 },
  );
});
