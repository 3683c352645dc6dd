/**
 * One value that lives for a time, such as an access token. It is obtained when somebody asks, once for all who ask at the
 * same time, and again shortly before its end. Nothing runs in the background.
 */
import { CodedError } from '../errors';

export interface Fresh<T> {
  readonly value: T;
  /** From now. */
  readonly ttlMs: number;
}

interface Held<T> {
  readonly value: T;
  readonly untilMs: number;
}

/** It serves all who wait, so it has a deadline of its own and no single caller may cancel it. */
const obtainTimeoutMs = 15_000;
/** A refused credential stays refused: those who ask directly afterwards get the same error and cost no request. */
const refusalPauseMs = 1_000;
/** The last fifth of the life, and five minutes at most, are left unused: a call that starts now has to end in time. */
const marginMs = 5 * 60_000;

export class Perishable<T> {
  readonly #obtain: (signal: AbortSignal) => Promise<Fresh<T>>;
  readonly #now: () => number;
  #held: Held<T> | undefined;
  #refusal: Held<CodedError> | undefined;
  #obtaining: Promise<T> | undefined;

  constructor(obtain: (signal: AbortSignal) => Promise<Fresh<T>>, now: () => number = Date.now) {
    this.#obtain = obtain;
    this.#now = now;
  }

  /** @throws what obtaining throws; CodedError ABORTED when the signal fires while waiting. */
  async get(signal?: AbortSignal): Promise<T> {
    if (this.#held && this.#now() < this.#held.untilMs) return this.#held.value;
    if (this.#refusal && this.#now() < this.#refusal.untilMs) throw this.#refusal.value;
    this.#obtaining ??= this.#fetch().finally(() => {
      this.#obtaining = undefined;
    });
    return orAborted(this.#obtaining, signal);
  }

  /** To be called when the server refused `value`: the next who asks gets another one. */
  drop(value: T): void {
    if (this.#held?.value === value) this.#held = undefined;
  }

  async #fetch(): Promise<T> {
    try {
      const { value, ttlMs } = await this.#obtain(AbortSignal.timeout(obtainTimeoutMs));
      this.#held = { value, untilMs: this.#now() + ttlMs - Math.min(ttlMs / 5, marginMs) };
      this.#refusal = undefined;
      return value;
    } catch (error) {
      if (error instanceof CodedError && !error.retryable) {
        this.#refusal = { value: error, untilMs: this.#now() + refusalPauseMs };
      }
      throw error;
    }
  }
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () =>
      reject(
        new CodedError('ABORTED', 'the call was cancelled or its deadline has passed', { remedy: 'Repeat the call.' }),
      );
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
