import { deadline, throwIfAborted } from '../../../runtime/async/deadline';
import { KeyedLock } from '../../../runtime/async/keyed-lock';
import { retry } from '../../../runtime/async/retry';
import { Semaphore } from '../../../runtime/async/semaphore';
import { CodedError } from '../../../runtime/errors';

const busy = new CodedError('VOLUME_BUSY', 'busy', { remedy: 'Repeat.' });
const denied = new CodedError('KMS_DENIED', 'denied', { remedy: 'Ask.' });
/** A promise that is settled from outside. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe('retry', () => {
  const quick = { firstDelayMs: 0, random: () => 0 };
  /** Fails with the given errors in turn, then succeeds. */
  const failing = (...errors: Error[]) => {
    const attempts: number[] = [];
    return {
      attempts,
      action: async (attempt: number) => {
        attempts.push(attempt);
        const error = errors[attempt - 1];
        if (error) throw error;
        return 'done';
      },
    };
  };

  test('repeats what is transient until it succeeds', async () => {
    const { action, attempts } = failing(busy, busy);
    await expect(retry(action, quick)).resolves.toBe('done');
    expect(attempts).toEqual([1, 2, 3]);
  });

  test('does not repeat what is final', async () => {
    const { action, attempts } = failing(denied);
    await expect(retry(action, quick)).toRejectWithCode('KMS_DENIED');
    expect(attempts).toEqual([1]);
  });

  test('ends with the last error when the attempts are used up', async () => {
    const { action, attempts } = failing(busy, busy, denied);
    await expect(retry(action, { ...quick, attempts: 2 })).toRejectWithCode('VOLUME_BUSY');
    expect(attempts).toEqual([1, 2]);
  });

  test('a signal ends the pause, and the error is that of the action', async () => {
    const controller = new AbortController();
    const action = async () => {
      setImmediate(() => controller.abort());
      throw busy;
    };
    const options = { firstDelayMs: 600_000, maxDelayMs: 600_000, random: () => 1, signal: controller.signal };
    await expect(retry(action, options)).toRejectWithCode('VOLUME_BUSY');
  });

  test("a server's wish for a pause is asked for the error at hand and is bounded", async () => {
    const asked: unknown[] = [];
    const { action } = failing(busy);
    const delayAfterMs = (error: unknown) => {
      asked.push(error);
      return 3_600_000;
    };
    await retry(action, { ...quick, maxDelayMs: 1, delayAfterMs });
    expect(asked).toEqual([busy]);
  });
});

describe('deadline', () => {
  test('fires at the time limit, and with the signal of the caller', async () => {
    const controller = new AbortController();
    const signal = deadline(3_600_000, controller.signal);
    expect(signal.aborted).toBe(false);
    controller.abort();
    expect(signal.aborted).toBe(true);
    const timed = deadline(1);
    await new Promise((resolve) => timed.addEventListener('abort', resolve));
  });

  test('throwIfAborted tells a fired signal by code', () => {
    expect(() => throwIfAborted(AbortSignal.abort())).toThrowWithCode('ABORTED');
    throwIfAborted(undefined);
    throwIfAborted(new AbortController().signal);
  });
});

describe('the keyed lock', () => {
  test('refuses a second holder at once, naming the first; other keys are free', async () => {
    const lock = new KeyedLock();
    const { opened, open } = gate();
    const first = lock.run('volume-1', 'NodeStageVolume', () => opened);
    const second = lock.run('volume-1', 'DeleteVolume', async () => 'never').catch((error: unknown) => error);
    expect(await second).toMatchObject({
      code: 'VOLUME_BUSY',
      message: 'volume-1 is busy: NodeStageVolume is still running',
    });
    await expect(lock.run('volume-2', 'DeleteVolume', async () => 'other')).resolves.toBe('other');
    open();
    await first;
    await expect(lock.run('volume-1', 'DeleteVolume', async () => 'later')).resolves.toBe('later');
  });

  test('is free again after an action that failed, and keeps nothing', async () => {
    const lock = new KeyedLock();
    await expect(lock.run('v', 'a', () => Promise.reject(busy))).toRejectWithCode('VOLUME_BUSY');
    await lock.run('v', 'b', async () => undefined);
    expect(lock.size).toBe(0);
  });
});

describe('the semaphore', () => {
  /** Starts `count` actions that end when their gate opens; `started` grows in the order of their beginning. */
  const start = (semaphore: Semaphore, count: number) => {
    const started: number[] = [];
    const gates = Array.from({ length: count }, gate);
    const runs = gates.map(({ opened }, index) =>
      semaphore.run(async () => {
        started.push(index);
        await opened;
      }),
    );
    return { started, runs, end: (index: number) => gates[index]?.open() };
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));

  test('lets so many run at once and the others in the order of their calls', async () => {
    const { started, runs, end } = start(new Semaphore(2), 4);
    await settle();
    expect(started).toEqual([0, 1]);
    end(1);
    await settle();
    expect(started).toEqual([0, 1, 2]);
    for (const index of [0, 2, 3]) end(index);
    await Promise.all(runs);
    expect(started).toEqual([0, 1, 2, 3]);
  });

  test('one that is cancelled while it waits leaves the queue and its turn to the next', async () => {
    const semaphore = new Semaphore(1);
    const { started, runs, end } = start(semaphore, 1);
    const controller = new AbortController();
    const cancelled = semaphore.run(async () => started.push(100), controller.signal);
    const next = semaphore.run(async () => started.push(200));
    controller.abort();
    await expect(cancelled).toRejectWithCode('ABORTED');
    end(0);
    await Promise.all([...runs, next]);
    expect(started).toEqual([0, 200]);
  });

  test('a signal that fired before takes no turn', async () => {
    const semaphore = new Semaphore(1);
    await expect(semaphore.run(async () => 'never', AbortSignal.abort())).toRejectWithCode('ABORTED');
    await expect(semaphore.run(async () => 'free')).resolves.toBe('free');
  });

  test('an action that fails gives its turn back', async () => {
    const semaphore = new Semaphore(1);
    await expect(semaphore.run(() => Promise.reject(denied))).toRejectWithCode('KMS_DENIED');
    await expect(semaphore.run(async () => 'free')).resolves.toBe('free');
  });
});
