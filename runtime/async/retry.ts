/** Repeats what may succeed later, with exponential back-off and full jitter, inside one deadline. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../errors';

export interface RetryOptions {
  /** How often at most, the first try included. Default 5. */
  readonly attempts?: number;
  /** Upper bound of the first pause; doubles each time. Default 100. */
  readonly firstDelayMs?: number;
  /** Upper bound of any pause. Default 5,000. */
  readonly maxDelayMs?: number;
  readonly signal?: AbortSignal;
  /** Default: a CodedError whose code is retryable. */
  readonly isRetriable?: (error: unknown) => boolean;
  /** A server's own wish (Retry-After) for the pause after this error, in milliseconds; bounded by `maxDelayMs`. */
  readonly delayAfterMs?: (error: unknown) => number | undefined;
  readonly random?: () => number;
}

/** @throws the last error when it is final, when the attempts are used up or when the signal fired. */
export async function retry<T>(action: (attempt: number) => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { attempts = 5, firstDelayMs = 100, maxDelayMs = 5_000, signal, random = Math.random } = options;
  const { isRetriable = (error) => error instanceof CodedError && error.retryable } = options;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action(attempt);
    } catch (error) {
      if (attempt >= attempts || signal?.aborted || !isRetriable(error)) throw error;
      const wished = options.delayAfterMs?.(error);
      const backOff = Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1));
      const delayMs =
        wished === undefined ? backOff * random() : Math.min(maxDelayMs, wished + firstDelayMs * random());
      // The signal ends the pause; the error that the caller should see is the one of the action, not the one of the pause.
      await sleep(delayMs, undefined, signal ? { signal } : {}).catch(() => undefined);
      if (signal?.aborted) throw error;
    }
  }
}
