/**
 * Every operation that changes more than one thing is a list of named steps (design §8). Each step looks first and acts
 * only where something is left to do, so the process can be killed between any two and the whole list run again.
 *
 * The beginning of an operation is published on the diagnostics channel `keyward.operation`, each finished step on
 * `keyward.step`; metrics read the latter, and tests kill the process at either.
 */
import { channel } from 'node:diagnostics_channel';
import { throwIfAborted } from '../async/deadline';
import type { Log } from '../log';

export interface Step {
  readonly name: string;
  run(): Promise<void>;
}

/** What subscribers of the channel `keyward.step` receive. */
export interface StepDone {
  readonly operation: string;
  readonly step: string;
  readonly volumeId: string;
  readonly durationMs: number;
}

/** What subscribers of the channel `keyward.operation` receive. */
type OperationBegun = Pick<StepDone, 'operation' | 'volumeId'>;

export const stepChannel = channel('keyward.step');
const operationChannel = channel('keyward.operation');

export interface StepContext {
  readonly operation: string;
  readonly volumeId: string;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

/** Runs the steps in order. The first error ends the list; what was done stays done for the next call. */
export async function runSteps(steps: readonly Step[], context: StepContext): Promise<void> {
  const { operation, volumeId, log, signal } = context;
  const begun: OperationBegun = { operation, volumeId };
  operationChannel.publish(begun);
  for (const { name, run } of steps) {
    throwIfAborted(signal);
    const startedAt = performance.now();
    await run();
    const done: StepDone = { operation, step: name, volumeId, durationMs: performance.now() - startedAt };
    log.debug('step done', { operation, step: name, volumeId, durationMs: Math.round(done.durationMs) });
    stepChannel.publish(done);
  }
}

/** Shorthand that keeps lists of steps readable. */
export function step(name: string, run: () => Promise<void>): Step {
  return { name, run };
}
