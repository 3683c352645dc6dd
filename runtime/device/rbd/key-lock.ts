/**
 * One changer of a volume's keys at a time, in the whole cluster. The lock is the one that ceph-csi takes for its rotation:
 * an advisory lock on the object named after the volume's UUID, apart from the image, whose own lock belongs to the kernel
 * that maps it (breaking that one would shut the kernel out).
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { CodedError } from '../../errors';
import type { RadosObjects } from './rados/objects';

/** Longer than one cryptsetup call may take (150 s), so that a slow holder that still lives keeps it. As in ceph-csi. */
const durationMs = 180_000;
const renewEveryMs = 60_000;

/** @throws CodedError VOLUME_BUSY; CEPH_*. */
export async function withKeyLock<T>(
  objects: RadosObjects,
  uuid: string,
  volumeId: string,
  action: () => Promise<T>,
): Promise<T> {
  const name = `${uuid}-mutexLock`;
  const cookie = `keyward-${randomUUID()}`;
  const take = () => objects.lock(uuid, name, cookie, durationMs);
  if (!(await take())) {
    throw new CodedError('VOLUME_BUSY', `the keys of volume ${volumeId} are being changed on another node`, {
      remedy: 'Repeat the call later; the lock of a node that died ends after three minutes.',
    });
  }
  const ended = new AbortController();
  const renewing = renew(take, ended.signal);
  try {
    return await action();
  } finally {
    ended.abort();
    await renewing;
    await objects.unlock(uuid, name, cookie);
  }
}

/** A renewal that fails is tried again at the next turn: the lock outlasts two of them. */
async function renew(take: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  for (;;) {
    const elapsed = await pause(renewEveryMs, true, { signal, ref: false }).catch(() => false);
    if (!elapsed) return;
    await take().catch(() => false);
  }
}
