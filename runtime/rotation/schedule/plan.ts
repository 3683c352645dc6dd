/** What is to be done now for which claims, the longest due first. Pure. */
import type { ClaimCondition } from './claims';
import { type DueInput, dueAt } from './due';
import type { Known, Memory } from './memory';
import { conditionOf, type Operation } from './report';
import type { Schedule } from './schedule';
import type { Subject } from './subjects';

export interface Item {
  readonly subject: Subject;
  readonly operation: Operation;
  readonly dueAt: Date;
}

export interface PlanSettings {
  readonly staggerMs: number;
  /** Undefined: keys are not verified. */
  readonly verifySchedule: Schedule | undefined;
}

export interface PlanTime {
  readonly now: Date;
  /** Of {@link performance}. */
  readonly nowMs: number;
}

/** What is due and may be tried now, and what is due and waits for its next try. */
export function plan(
  subjects: readonly Subject[],
  memory: Memory,
  settings: PlanSettings,
  { now, nowMs }: PlanTime,
): { readonly ready: readonly Item[]; readonly waiting: readonly Item[] } {
  const due = subjects.flatMap((subject) => {
    const known = memory.of(subject.claim.uid, now);
    const common = { uid: subject.claim.uid, staggerMs: settings.staggerMs, now };
    const times = {
      rotate: rotationDue(subject, known, common),
      verify: verificationDue(subject, settings.verifySchedule, common),
    };
    return (['rotate', 'verify'] as const).flatMap((operation): (Item & { isReady: boolean })[] => {
      const at = times[operation];
      if (!at || at > now) return [];
      const isReady = nowMs >= (known.tries.get(operation)?.notBeforeMs ?? 0);
      return [{ subject, operation, dueAt: at, isReady }];
    });
  });
  const sorted = due.sort((one, other) => one.dueAt.getTime() - other.dueAt.getTime());
  return { ready: sorted.filter(({ isReady }) => isReady), waiting: sorted.filter(({ isReady }) => !isReady) };
}

type Common = Pick<DueInput, 'uid' | 'staggerMs' | 'now'>;

/** Also asked for with what the record says at the run itself. */
export function rotationDue(
  { claim, decision, rotatedAt: read }: Subject,
  known: Known,
  common: Common,
): Date | undefined {
  if (decision.state === 'off') return undefined;
  const condition = conditionOf(claim, 'rotate');
  const probed = time(condition?.lastProbeTime);
  const rotated = [time(read), time(known.rotatedAt)].filter((each) => each !== undefined);
  // What failed is due until it is done, by whomever.
  if (condition?.status === 'False' && probed && !rotated.some((each) => each >= probed)) {
    return sinceFailure(condition, common.now);
  }
  return dueAt({
    ...common,
    schedule: decision.schedule,
    done: [...rotated, probed ?? known.since],
    since: known.since,
  });
}

function verificationDue(
  { claim, verifiedAt }: Subject,
  schedule: Schedule | undefined,
  common: Common,
): Date | undefined {
  if (!schedule) return undefined;
  const condition = conditionOf(claim, 'verify');
  const probed = time(condition?.lastProbeTime);
  const verified = time(verifiedAt);
  if (condition && condition.status !== 'True' && probed && !(verified && verified >= probed)) {
    return sinceFailure(condition, common.now);
  }
  const proven = [verified, condition?.status === 'True' ? probed : undefined];
  const since = time(claim.createdAt) ?? common.now;
  return dueAt({ ...common, schedule, done: proven.filter((each) => each !== undefined), since });
}

/** Since the first of the tries that failed one after the other. */
function sinceFailure({ lastTransitionTime }: ClaimCondition, now: Date): Date {
  return new Date(Math.min(time(lastTransitionTime)?.getTime() ?? now.getTime(), now.getTime()));
}

function time(text: string | null | undefined): Date | undefined {
  const at = new Date(text ?? Number.NaN);
  return Number.isNaN(at.getTime()) ? undefined : at;
}
