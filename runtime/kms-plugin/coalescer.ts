/**
 * Makes few large requests of many small calls. Calls that arrive in one turn of the event loop leave together at once
 * when nothing is under way; while a request is under way, further calls gather and leave as one batch when it lands, or
 * after `lingerMs`, whichever is first. So a slow request delays nobody by more than that.
 *
 * Bounded in every direction: calls and bytes that wait, items and bytes of a batch, requests under way, and the time
 * that a call may spend here. Each item has its own outcome.
 */
import { performance } from 'node:perf_hooks';
import { CodedError, toCoded } from '../errors';
import type { Outcome } from '../vault/transit';

export interface CoalescerOptions {
  /** For people: what is done, e.g. `encrypt`. */
  readonly operation: string;
  /** Calls that may wait. Default 4,096. */
  readonly maxWaiting?: number;
  /** Bytes that may wait. Default 8 MiB. */
  readonly maxWaitingBytes?: number;
  /** Default 128. */
  readonly maxBatch?: number;
  /** Default 256 KiB, which keeps the answer below the bound of the HTTP client. */
  readonly maxBatchBytes?: number;
  /** Requests under way at once. Default 4. */
  readonly maxFlights?: number;
  /** How long a call waits for a request that is under way before it leaves on its own. Default 10. */
  readonly lingerMs?: number;
  /** How long a call may take altogether. Default 2,500, which is below the API server's own 3 s. */
  readonly timeoutMs?: number;
  readonly onBatch?: (items: number) => void;
}

/** Who waits for the outcome. */
export interface Caller {
  /** On the clock of `performance.now()`. */
  readonly deadlineAt: number;
  isGone(): boolean;
}

/** Stands for all who wait for work that is done once for them: it goes on when one of them has gone. */
export const everyone: Caller = { deadlineAt: Number.POSITIVE_INFINITY, isGone: () => false };

/** One request for all items, with one outcome each in the same order. What comes after the time is not used any more. */
export type Send<I, O> = (items: readonly I[], timeoutMs: number) => Promise<readonly Outcome<O>[]>;

interface Waiting<I, O> {
  readonly item: I;
  readonly sizeBytes: number;
  readonly since: number;
  readonly caller: Caller;
  readonly resolve: (value: O) => void;
  readonly reject: (error: CodedError) => void;
}

export class Coalescer<I, O> {
  readonly #send: Send<I, O>;
  readonly #options: Required<CoalescerOptions>;
  #waiting: Waiting<I, O>[] = [];
  #waitingBytes = 0;
  #flights = 0;
  #departing = false;
  #linger: NodeJS.Timeout | undefined;

  constructor(send: Send<I, O>, options: CoalescerOptions) {
    this.#send = send;
    this.#options = {
      maxWaiting: 4_096,
      maxWaitingBytes: 8 * 1024 * 1024,
      maxBatch: 128,
      maxBatchBytes: 256 * 1024,
      maxFlights: 4,
      lingerMs: 10,
      timeoutMs: 2_500,
      onBatch: () => undefined,
      ...options,
    };
  }

  /** Calls that wait and are not under way yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** @throws CodedError KMS_QUEUE_FULL at once; KMS_TIMEOUT; whatever the request or the item failed with. */
  call(item: I, sizeBytes: number, caller: Caller): Promise<O> {
    const { maxWaiting, maxWaitingBytes } = this.#options;
    if (this.#waiting.length >= maxWaiting || this.#waitingBytes + sizeBytes > maxWaitingBytes) {
      return Promise.reject(this.#full());
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, sizeBytes, since: performance.now(), caller, resolve, reject });
      this.#waitingBytes += sizeBytes;
      this.#departSoon();
    });
  }

  #departSoon(): void {
    if (this.#departing) return;
    this.#departing = true;
    // After the I/O of this turn: the calls that the client sent together leave together.
    setImmediate(() => {
      this.#departing = false;
      this.#depart();
    });
  }

  #depart(): void {
    const { maxFlights, maxBatch, lingerMs } = this.#options;
    while (this.#waiting.length > 0 && this.#flights < maxFlights) {
      const waitedMs = performance.now() - (this.#waiting[0]?.since ?? 0);
      const mayLeave = this.#flights === 0 || this.#waiting.length >= maxBatch || waitedMs >= lingerMs;
      if (!mayLeave) {
        this.#linger ??= setTimeout(() => {
          this.#linger = undefined;
          this.#depart();
        }, lingerMs - waitedMs);
        return;
      }
      const batch = this.#take();
      if (batch.length > 0) void this.#fly(batch);
    }
  }

  /** The next batch, without the calls that nobody waits for any more. */
  #take(): Waiting<I, O>[] {
    const { maxBatch, maxBatchBytes, timeoutMs } = this.#options;
    const now = performance.now();
    const batch: Waiting<I, O>[] = [];
    let sizeBytes = 0;
    let taken = 0;
    for (const each of this.#waiting) {
      if (batch.length >= maxBatch || (batch.length > 0 && sizeBytes + each.sizeBytes > maxBatchBytes)) break;
      taken += 1;
      this.#waitingBytes -= each.sizeBytes;
      if (now - each.since > timeoutMs || now > each.caller.deadlineAt || each.caller.isGone()) {
        each.reject(this.#late());
        continue;
      }
      batch.push(each);
      sizeBytes += each.sizeBytes;
    }
    this.#waiting = this.#waiting.slice(taken);
    return batch;
  }

  async #fly(batch: readonly Waiting<I, O>[]): Promise<void> {
    this.#flights += 1;
    this.#options.onBatch(batch.length);
    try {
      const outcomes = await this.#sendInTime(batch.map(({ item }) => item));
      batch.forEach(({ resolve, reject }, index) => {
        const outcome = outcomes[index];
        if (outcome?.ok) resolve(outcome.value);
        else reject(outcome ? outcome.error : toCoded(undefined));
      });
    } catch (thrown) {
      const error = toCoded(thrown);
      for (const { reject } of batch) reject(error);
    } finally {
      this.#flights -= 1;
      this.#departSoon();
    }
  }

  /** Holds the time also where the sender does not, such as in a login on the way. A timer costs far less than a signal. */
  #sendInTime(items: readonly I[]): Promise<readonly Outcome<O>[]> {
    const { timeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.#late()), timeoutMs);
      this.#send(items, timeoutMs)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }

  #full(): CodedError {
    const { operation, maxWaiting } = this.#options;
    return new CodedError('KMS_QUEUE_FULL', `too many calls to ${operation} wait for Vault (at most ${maxWaiting})`, {
      remedy: 'Repeat the call later; look at the latency of Vault, which these calls wait for.',
    });
  }

  #late(): CodedError {
    const { operation, timeoutMs } = this.#options;
    return new CodedError(
      'KMS_TIMEOUT',
      `the call to ${operation} waited too long for Vault (at most ${timeoutMs} ms)`,
      {
        remedy: 'Repeat the call; if it happens again look at the load of Vault and at the network.',
      },
    );
  }
}
