/** How quickly a run goes through its volumes: a rate, so that KMS and storage serve others too, and a random shift. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface PaceOptions {
  /** Volumes a minute. Undefined: as quickly as they go. */
  readonly perMinute?: number;
  /** Up to how much later than that, at random: runs that begin at the same time on many nodes drift apart. */
  readonly jitterMs?: number;
  readonly random?: () => number;
  readonly wait?: (ms: number) => Promise<unknown>;
  readonly nowMs?: () => number;
}

/** Waits before each volume as long as the pace asks; not before the first, but for the random shift. */
export function pacer(options: PaceOptions): () => Promise<void> {
  const { perMinute, jitterMs = 0, random = Math.random, wait = sleep, nowMs = () => performance.now() } = options;
  const intervalMs = perMinute === undefined ? 0 : 60_000 / perMinute;
  let nextMs = nowMs();
  return async () => {
    const delayMs = Math.max(0, nextMs - nowMs()) + jitterMs * random();
    nextMs = Math.max(nextMs, nowMs()) + intervalMs;
    if (delayMs > 0) await wait(delayMs);
  };
}
