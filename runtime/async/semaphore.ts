/** At most `permits` actions at once, the others wait in order. Bounds what cryptsetup takes of memory and CPU (R12). */
import { CodedError } from '../errors';

export class Semaphore {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(permits: number) {
    this.#free = permits;
  }

  /** @throws CodedError ABORTED when the signal fires while waiting. */
  async run<T>(action: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#acquire(signal);
    try {
      return await action();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }

  #acquire(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(cancelled());
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1);
        reject(cancelled());
      };
      const take = () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#waiting.push(take);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}

function cancelled(): CodedError {
  return new CodedError('ABORTED', 'the call was cancelled while it waited for its turn', {
    remedy: 'Repeat the call.',
  });
}
