/** One run at a time for each key: who asks while it is under way gets its result, and none of those who wait can cancel it. */
import { throwIfAborted } from './deadline';

export class SingleFlight<T> {
  readonly #running = new Map<string, Promise<T>>();

  /** @throws what `work` throws; CodedError ABORTED when the signal fires while waiting, and the work goes on. */
  run(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    let running = this.#running.get(key);
    if (!running) {
      running = work().finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    return signal ? orAborted(running, signal) : running;
  }
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  throwIfAborted(signal);
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      try {
        throwIfAborted(signal);
      } catch (error) {
        reject(error);
      }
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
