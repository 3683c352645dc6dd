/** Kills the driver at every point of an operation, one after the other, and repeats the call each time. */
import type { TestDriver } from './driver';

export interface Operation<S, R> {
  /** As the runtime calls it in the points that it publishes. */
  readonly name: string;
  /** What the call needs; made anew for each point. */
  prepare(): Promise<S>;
  call(subject: S): Promise<R>;
  /** Looks at what the killed driver left, before it is repaired. */
  readonly whileBroken?: (subject: S) => Promise<void>;
  /** Fails when anything is not as after a call that nothing disturbed. */
  verify(subject: S, answer: R): Promise<void>;
}

/** The points come from a run that records them, so a step that is added cannot be forgotten. @returns the points. */
export async function killAtEveryPoint<S, R>(
  driver: TestDriver,
  operation: Operation<S, R>,
): Promise<readonly string[]> {
  const points = await record(driver, operation);
  for (const point of points) {
    const subject = await operation.prepare();
    await telling(point, async () => {
      await driver.dieAt(point, () => operation.call(subject));
      await operation.whileBroken?.(subject);
      await operation.verify(subject, await operation.call(subject));
    });
  }
  return points;
}

async function record<S, R>(driver: TestDriver, operation: Operation<S, R>): Promise<readonly string[]> {
  const subject = await operation.prepare();
  driver.takePoints();
  const answer = await operation.call(subject);
  const points = driver.takePoints().filter((point) => point.startsWith(`${operation.name}:`));
  await telling('nothing was killed', () => operation.verify(subject, answer));
  return points;
}

/** Puts the point before the message of an assertion that failed. */
async function telling(point: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (error instanceof Error) error.message = `at ${point}: ${error.message}`;
    throw error;
  }
}
