/**
 * Looks at its claims again and again, and does what is due, the longest due first: so many at once, so many a minute. One look
 * lasts no longer than the time between two, so that a schedule that is taken away counts soon, however much is due.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type AttemptDeps, attempt } from './attempt';
import { ClusterLook } from './claims';
import { Memory } from './memory';
import type { Scope } from './metrics';
import { type Item, type PlanSettings, plan, rotationDue } from './plan';
import type { Subject, SubjectsDeps } from './subjects';
import { type TellDeps, tellAttempt, tellDecision } from './tell';

export interface SchedulerOptions extends PlanSettings {
  readonly scope: Scope;
  readonly intervalMs: number;
  readonly parallel: number;
  /** Waits until the next run may begin. */
  readonly pace: () => Promise<void>;
  readonly find: (deps: SubjectsDeps, look: ClusterLook) => Promise<readonly Subject[]>;
}

export type SchedulerDeps = TellDeps & Omit<AttemptDeps, 'isStillDue'>;

/** Until the signal fires; what is under way then stops before its next step. Never throws. */
export async function runSchedule(deps: SchedulerDeps, options: SchedulerOptions, signal: AbortSignal): Promise<void> {
  const memory = new Memory();
  while (!signal.aborted) {
    const untilMs = performance.now() + options.intervalMs;
    try {
      await look(deps, options, memory, untilMs, signal);
    } catch (error) {
      if (!signal.aborted) deps.log.warn('the claims could not be looked at', { error });
    }
    const restMs = Math.max(0, untilMs - performance.now());
    await sleep(restMs, undefined, { signal }).catch(() => undefined);
  }
}

async function look(
  deps: SchedulerDeps,
  options: SchedulerOptions,
  memory: Memory,
  untilMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { scope } = options;
  const found = await options.find(deps, new ClusterLook(deps.client, deps.driverName, signal));
  memory.keep(new Set(found.map(({ claim }) => claim.uid)));
  const subjects: Subject[] = [];
  for (const each of found) {
    if (signal.aborted) return;
    subjects.push(await tellDecision(deps, each, memory.of(each.claim.uid, deps.now())));
  }
  const scheduled = subjects.filter(({ decision }) => decision.state === 'scheduled').length;
  deps.metrics.setClaims(scope, { scheduled, off: subjects.length - scheduled });
  deps.metrics.setLooked(scope, deps.now());
  const { ready, waiting } = plan(subjects, memory, options, { now: deps.now(), nowMs: performance.now() });
  const left = new Set([...ready, ...waiting]);
  const tellOverdue = () => {
    const now = deps.now();
    let oldest = now;
    for (const { dueAt } of left) if (dueAt < oldest) oldest = dueAt;
    deps.metrics.setOverdue(scope, (now.getTime() - oldest.getTime()) / 1000);
  };
  tellOverdue();
  const queue = [...ready];
  const work = async () => {
    while (queue.length > 0 && performance.now() < untilMs) {
      await options.pace();
      const item = signal.aborted ? undefined : queue.shift();
      if (!item) return;
      if (await runOne(deps, options, memory, item, signal)) left.delete(item);
      tellOverdue();
    }
  };
  await Promise.all(Array.from({ length: options.parallel }, work));
}

/** @returns whether it is no longer due. */
async function runOne(
  deps: SchedulerDeps,
  { staggerMs }: SchedulerOptions,
  memory: Memory,
  item: Item,
  signal: AbortSignal,
): Promise<boolean> {
  const { subject } = item;
  const known = memory.of(subject.claim.uid, deps.now());
  const isStillDue = (rotatedAt: string | undefined) => {
    const now = deps.now();
    const read = { ...subject, ...(rotatedAt !== undefined && { rotatedAt }) };
    const at = rotationDue(read, known, { uid: subject.claim.uid, staggerMs, now });
    return at !== undefined && at <= now;
  };
  const result = await attempt({ ...deps, isStillDue }, item, signal);
  const { volumeId } = subject.volume;
  if (result.outcome === 'failed') {
    deps.log.warn('a run of the schedule failed', { volumeId, operation: item.operation, error: result.error });
  }
  await tellAttempt(deps, item, known, result);
  return result.outcome === 'OK' || result.outcome === 'not-due';
}
