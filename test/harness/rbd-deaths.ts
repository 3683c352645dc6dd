/** Kills a driver over Ceph at every point of an operation, one after the other, and repeats the call each time. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Ceph } from './ceph';
import { pool, type RbdDriver } from './rbd-driver';

export interface Deaths<R> {
  /** The points at which the driver died. */
  readonly points: readonly string[];
  /** Of the last call, at which it did not. */
  readonly answer: R;
}

/**
 * Repeats the call until it succeeds: every call comes one step further. The driver runs afterwards.
 * @param operation As the runtime calls it in the points that it publishes.
 * @param beforeRestart What time would do while the node is down.
 */
export async function dieInTurn<R>(
  driver: RbdDriver,
  operation: string,
  call: () => Promise<R>,
  beforeRestart: () => Promise<void> = async () => undefined,
): Promise<Deaths<R>> {
  const file = join(driver.root, 'points', 'deaths');
  const points = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []);
  rmSync(file, { force: true });
  driver.dieAt(`${operation}:*`);
  try {
    for (let count = 0; ; count += 1) {
      const outcome = await call()
        .then((answer) => ({ answer }))
        .catch((error: unknown) => ({ error }));
      if ('answer' in outcome) return { points: points(), answer: outcome.answer };
      if (points().length !== count + 1) throw outcome.error;
      await driver.died();
      await beforeRestart();
      await driver.start();
    }
  } finally {
    driver.dieAt(undefined);
  }
}

/** Ends the lock on the keys of a volume whose holder was killed, as it would by itself after three minutes. */
export async function endKeyLock(ceph: Ceph, uuid: string): Promise<void> {
  const lock = `${uuid}-mutexLock`;
  const objects = (await ceph.rados(['-p', pool, 'ls'])).split('\n');
  if (!objects.includes(uuid)) return;
  const info = await ceph.rados(['-p', pool, 'lock', 'info', uuid, lock, '--format', 'json']);
  const { lockers = [] }: { lockers?: readonly { name: string; cookie: string }[] } = JSON.parse(info);
  for (const { name, cookie } of lockers) {
    await ceph.rados(['-p', pool, 'lock', 'break', uuid, lock, name, '--lock-cookie', cookie]);
  }
}
