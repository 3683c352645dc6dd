/**
 * Remembers for a few seconds what Kubernetes said. One request at a time for each object, a bounded number of objects.
 * While the API server is away, what it said last counts a little longer.
 */
import { SingleFlight } from '../async/single-flight';
import { CodedError, isCoded } from '../errors';

export interface CacheOptions<V> {
  /** How long an object counts as unchanged. Default 3,000. */
  readonly foundMs?: number;
  /** How long an absent object counts as absent. Default 1,000. */
  readonly absentMs?: number;
  /** How long an object counts while the API server does not answer. Default 60,000. */
  readonly staleMs?: number;
  /**
   * How long an object counts that the agent may not read any more: an API server that has just started refuses what it
   * allows, until it knows the roles. Default 15,000.
   */
  readonly deniedMs?: number;
  /** Default 512. */
  readonly maxObjects?: number;
  readonly now?: () => number;
  /** Called for each value that is forgotten. */
  readonly discard?: (value: V) => void;
}

interface Entry<V> {
  readonly value: V | undefined;
  readonly readAt: number;
}

export class ObjectCache<V> {
  readonly #options: Required<CacheOptions<V>>;
  /** The one used longest ago first. */
  readonly #entries = new Map<string, Entry<V>>();
  readonly #reads = new SingleFlight<V | undefined>();

  constructor(options: CacheOptions<V> = {}) {
    this.#options = {
      foundMs: 3_000,
      absentMs: 1_000,
      staleMs: 60_000,
      deniedMs: 15_000,
      maxObjects: 512,
      now: Date.now,
      discard: () => undefined,
      ...options,
    };
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @throws what `read` throws, unless the error is a passing one and the object was read lately. */
  async get(
    key: string,
    read: () => Promise<V | undefined>,
    { fresh = false, signal }: { readonly fresh?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<V | undefined> {
    const entry = this.#entries.get(key);
    if (entry && !fresh && this.#options.now() < entry.readAt + this.#lifeMs(entry)) {
      this.#keep(key, entry);
      return entry.value;
    }
    return this.#reads.run(key, () => this.#read(key, read, fresh), signal);
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.#forget(key);
  }

  #lifeMs({ value }: Entry<V>): number {
    return value === undefined ? this.#options.absentMs : this.#options.foundMs;
  }

  async #read(key: string, read: () => Promise<V | undefined>, fresh: boolean): Promise<V | undefined> {
    const { now, staleMs, deniedMs } = this.#options;
    try {
      const value = await read();
      this.#forget(key);
      this.#keep(key, { value, readAt: now() });
      return value;
    } catch (error) {
      const known = this.#entries.get(key);
      const lastsMs = isDenied(error) && !fresh ? deniedMs : isPassing(error) ? staleMs : 0;
      if (known?.value !== undefined && now() < known.readAt + lastsMs) return known.value;
      throw error;
    }
  }

  #keep(key: string, entry: Entry<V>): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    for (const oldest of [...this.#entries.keys()].slice(0, -this.#options.maxObjects)) this.#forget(oldest);
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    if (entry?.value !== undefined) this.#options.discard(entry.value);
  }
}

function isDenied(error: unknown): boolean {
  return isCoded(error, 'KMS_DENIED');
}

function isPassing(error: unknown): boolean {
  return error instanceof CodedError && error.retryable;
}
