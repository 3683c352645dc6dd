/** What is told of a decision and of a try: conditions and events of the claim, the metric, what is remembered for the next. */
import { codes } from '../../errors';
import { isFailure } from '../../volume/verifications';
import type { Attempt } from './attempt';
import { isNews, type Known, noteFailure } from './memory';
import type { ScheduleMetrics } from './metrics';
import type { Item } from './plan';
import { conditionOf, emitEvent, type ReportDeps, setCondition, textOf } from './report';
import type { Subject } from './subjects';

export interface TellDeps extends ReportDeps {
  readonly metrics: ScheduleMetrics;
}

const reasons = {
  rotate: { failed: 'KeyRotationFailed', skipped: 'KeyRotationSkipped', done: 'KeyRotated' },
  verify: { failed: 'KeyVerificationFailed', skipped: 'KeyVerificationSkipped', done: 'KeyVerificationRestored' },
} as const;

/** Where CSI-Addons has the claim, it is looked after once in an hour. */
const notOursMs = 3_600_000;

/** A claim that got a schedule, or lost it. Its first run is the next one of the schedule, not one of the time before. */
export async function tellDecision(deps: TellDeps, subject: Subject, known: Known): Promise<Subject> {
  const { claim, decision } = subject;
  const present = conditionOf(claim, 'rotate');
  if (decision.state === 'off') {
    if (!present || present.reason === 'Off') return subject;
    const message = `The key is not rotated: ${decision.reason}.`;
    await emitEvent(deps, claim, { type: 'Normal', reason: reasons.rotate.skipped, message });
    return {
      ...subject,
      claim: await setCondition(deps, claim, 'rotate', { status: 'Unknown', reason: 'Off', message }),
    };
  }
  const { unreadable, from, schedule } = decision;
  if (unreadable !== undefined && isNews(known, 'schedule', unreadable)) {
    const shown = JSON.stringify(unreadable.slice(0, 80));
    const message = `The schedule ${shown} of the ${from} cannot be read; ${schedule.text} counts. Write five fields of cron, or a word such as @weekly.`;
    await emitEvent(deps, claim, { type: 'Warning', reason: 'KeyRotationScheduleUnreadable', message });
  }
  const message = `The key is rotated by the schedule ${schedule.text} of the ${from}.`;
  const isTold = present?.reason === 'Scheduled' ? present.message === message : present && present.reason !== 'Off';
  if (isTold) return subject;
  const value = { status: 'Unknown', reason: 'Scheduled', message } as const;
  return { ...subject, claim: await setCondition(deps, claim, 'rotate', value) };
}

export async function tellAttempt(deps: TellDeps, item: Item, known: Known, result: Attempt): Promise<void> {
  const { subject, operation } = item;
  switch (result.outcome) {
    case 'nothing':
      return;
    case 'OK':
      known.tries.delete(operation);
      deps.metrics.observeRun(operation, 'OK');
      return tellDone(deps, item, known);
    case 'not-due': {
      if (result.rotatedAt !== undefined) known.rotatedAt = result.rotatedAt;
      known.tries.delete(operation);
      const message = `The key was rotated at ${result.rotatedAt}, not by the schedule.`;
      if (conditionOf(subject.claim, operation)?.status === 'False') {
        await setCondition(deps, subject.claim, operation, { status: 'True', reason: 'OK', message });
      }
      return;
    }
    case 'skipped': {
      deps.metrics.observeRun(operation, 'skipped');
      if (result.later) noteFailure(known, operation, true, performance.now());
      else known.tries.set(operation, { failures: 1, notBeforeMs: performance.now() + notOursMs });
      if (!isNews(known, operation, result.reason)) return;
      const code = result.code === undefined ? '' : `${result.code}: `;
      const event = { type: 'Normal', reason: reasons[operation].skipped, message: `${code}${result.reason}` } as const;
      return emitEvent(deps, subject.claim, event);
    }
    case 'failed': {
      const { code } = result.error;
      noteFailure(known, operation, codes[code].retryable, performance.now());
      deps.metrics.observeRun(operation, code);
      // An outage of the KMS says nothing of the key.
      const status = operation === 'rotate' || isFailure({ outcome: code }) ? 'False' : 'Unknown';
      const message = textOf(result.error);
      await setCondition(deps, subject.claim, operation, { status, reason: code, message });
      if (!isNews(known, operation, code)) return;
      return emitEvent(deps, subject.claim, { type: 'Warning', reason: reasons[operation].failed, message });
    }
  }
}

async function tellDone(deps: TellDeps, { subject, operation }: Item, known: Known): Promise<void> {
  const { claim, decision } = subject;
  const wasGood = ['True', undefined].includes(conditionOf(claim, operation)?.status);
  known.said.delete(operation);
  if (operation === 'rotate') {
    known.rotatedAt = deps.now().toISOString();
    const by = decision.state === 'off' ? '' : ` by the schedule ${decision.schedule.text} of the ${decision.from}`;
    const message = `The key was rotated${by}.`;
    await setCondition(deps, claim, operation, { status: 'True', reason: 'OK', message });
    return emitEvent(deps, claim, { type: 'Normal', reason: reasons.rotate.done, message });
  }
  const message = 'The key that the KMS gives opens the volume.';
  await setCondition(deps, claim, operation, { status: 'True', reason: 'OK', message });
  // A proof is what is expected: only the first after a failure is an event.
  if (!wasGood) await emitEvent(deps, claim, { type: 'Normal', reason: reasons.verify.done, message });
}
