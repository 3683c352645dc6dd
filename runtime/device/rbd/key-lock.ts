/**
 * One changer of a volume's keys at a time, in the whole cluster. The lock is the one that ceph-csi takes for its rotation:
 * an advisory lock on the object named after the volume's UUID, apart from the image, whose own lock belongs to the kernel
 * that maps it (breaking that one would shut the kernel out).
 *
 * It ends by itself, so that a holder that died keeps nobody out for long. A holder that lives may therefore lose it: one
 * that stood still, or was cut off from the cluster. That one must ask before each step whether the lock is still its own.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { CodedError } from '../../errors';
import type { KeyHold } from '../back-end';
import type { RadosObjects } from './rados/objects';

export interface KeyLockTimes {
  /** Longer than one cryptsetup call may take (150 s), so that a slow holder that still lives keeps it. */
  readonly durationMs: number;
  readonly renewEveryMs: number;
}

/** The duration is ceph-csi's. */
const usualTimes: KeyLockTimes = { durationMs: 180_000, renewEveryMs: 60_000 };

/** @throws CodedError VOLUME_BUSY; CEPH_*. */
export async function withKeyLock<T>(
  objects: RadosObjects,
  uuid: string,
  volumeId: string,
  action: (hold: KeyHold) => Promise<T>,
  { durationMs, renewEveryMs }: KeyLockTimes = usualTimes,
): Promise<T> {
  const name = `${uuid}-mutexLock`;
  const cookie = `keyward-${randomUUID()}`;
  if (!(await objects.lock(uuid, name, cookie, durationMs))) {
    throw new CodedError('VOLUME_BUSY', `the keys of volume ${volumeId} are being changed on another node`, {
      remedy: 'Repeat the call later; the lock of a node that died ends after three minutes.',
    });
  }
  const renew = () => objects.renew(uuid, name, cookie, durationMs);
  const hold: KeyHold = {
    confirm: async () => {
      if (!(await renew())) throw lost(volumeId);
    },
  };
  const ended = new AbortController();
  const renewing = keepRenewing(renew, renewEveryMs, ended.signal);
  try {
    return await action(hold);
  } finally {
    ended.abort();
    await renewing;
    await objects.unlock(uuid, name, cookie);
  }
}

/** One that fails is tried again at the next turn: the lock outlasts two of them. What was lost is told by the next step. */
async function keepRenewing(renew: () => Promise<boolean>, everyMs: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    const elapsed = await pause(everyMs, true, { signal, ref: false }).catch(() => false);
    if (!elapsed) return;
    await renew().catch(() => false);
  }
}

function lost(volumeId: string): CodedError {
  return new CodedError(
    'VOLUME_BUSY',
    `the lock on the keys of volume ${volumeId} was lost: another node may have it`,
    {
      remedy:
        'Repeat the call: what is left to do is done then. See why this node was slow, or cut off from the cluster.',
    },
  );
}
