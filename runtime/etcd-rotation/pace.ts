/** Spreads actions evenly: at most so many begin in a second, and so many are under way at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '../async/deadline';

export interface PaceOptions {
  readonly perSecond: number;
  readonly parallel: number;
}

/** Waits for all that have begun, then throws the first error. @throws CodedError ABORTED when the signal fires. */
export async function forEachAtPace<T>(
  items: readonly T[],
  { perSecond, parallel }: PaceOptions,
  act: (item: T) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const failures: unknown[] = [];
  let next = 0;
  let slotMs = Date.now();
  const work = async () => {
    while (next < items.length && failures.length === 0) {
      const item = items[next++] as T;
      slotMs = Math.max(slotMs + 1_000 / perSecond, Date.now());
      try {
        await sleep(Math.max(0, slotMs - Date.now()));
        throwIfAborted(signal);
        await act(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  if (failures.length > 0) throw failures[0];
}
