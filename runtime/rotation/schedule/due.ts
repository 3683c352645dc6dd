/** When a run is due. Pure: times in, a time out. Who was down for a month has one run to make up for, not four. */
import type { Schedule } from './schedule';

export interface DueInput {
  readonly schedule: Schedule;
  /** Of the claim. Decides by how much its runs begin later than the schedule says, always by the same. */
  readonly uid: string;
  /** No run begins later than by this for the sake of spreading; 0: none is spread. */
  readonly staggerMs: number;
  readonly now: Date;
  /** When it was last done or tried, as it was noted in different places. */
  readonly done: readonly Date[];
  /** Since when the schedule is known here: counts when nothing else can be believed. */
  readonly since: Date;
}

/** Clocks of nodes differ a little. What is noted for later than this was noted while a clock was wrong. */
const clockSkewMs = 5 * 60_000;

/** Undefined when the schedule has no next time. */
export function dueAt({ schedule, uid, staggerMs, now, done, since }: DueInput): Date | undefined {
  const limitMs = now.getTime() + clockSkewMs;
  const believed = done.map((each) => each.getTime()).filter((each) => each <= limitMs);
  const base = new Date(believed.length > 0 ? Math.max(...believed) : Math.min(since.getTime(), now.getTime()));
  const next = schedule.next(base);
  if (!next) return undefined;
  const following = schedule.next(next);
  // Shifted by a whole interval or more, runs would be left out.
  const spreadMs = Math.min(staggerMs, following ? following.getTime() - next.getTime() : 0);
  return new Date(next.getTime() + (spreadMs > 0 ? fnv32a(uid) % spreadMs : 0));
}

const minuteMs = 60_000;

/** How long to wait after the nth failure: what may pass by itself is tried sooner than what somebody has to mend. */
export function retryDelayMs(failures: number, retryable: boolean): number {
  const [first, last] = retryable ? [minuteMs, 60 * minuteMs] : [60 * minuteMs, 24 * 60 * minuteMs];
  return Math.min(last, first * 2 ** (failures - 1));
}

/** As CSI-Addons spreads its cron jobs: without state, and the same on every node. */
function fnv32a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
