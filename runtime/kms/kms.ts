/**
 * What callers hold: the keys of volumes at one configured KMS, whatever its type. Gives each provider for free a
 * deadline over each call, repeats of transient errors with the server's wish for a pause, bounds on sizes, refusal
 * after close, and an order of steps that two callers cannot break.
 */
import { deadline, throwIfAborted } from '../async/deadline';
import { retry } from '../async/retry';
import { Serial } from '../async/serial';
import { CodedError, isCoded, toCoded } from '../errors';
import type { KeyLocation } from '../key-location';
import type { Secret } from '../secret';
import { type Attempt, conflict, type KeyFamily, type WrappedKeyStore } from './key-family';
import { checkDek, checkReference, newDek } from './limits';
import {
  type CallContext,
  type KeyReference,
  type KmsProvider,
  locatesKeys,
  rewrapsKeys,
  type VersionedKey,
} from './provider';
import { rewrapKey } from './rewrap';
import { storedKeys } from './stored-keys';
import { wrappedKeys } from './wrapped-keys';

export interface KmsOptions {
  readonly kmsId: string;
  /** For each method, repeats included. Default 30,000. */
  readonly timeoutMs?: number;
  /** How often each call to the KMS is tried. Default 5. */
  readonly attempts?: number;
}

/** The methods throw CodedErrors: KMS_*, SECRET_MISSING, CONFIG_*, REQUEST_INVALID, ABORTED, SHUTTING_DOWN. */
export class Kms {
  readonly kmsId: string;
  readonly family: KmsProvider['family'];
  readonly #provider: KmsProvider;
  readonly #keys: KeyFamily;
  readonly #timeoutMs: number;
  readonly #attempts: number;
  readonly #turns = new Serial();
  #closing: Promise<void> | undefined;

  /** Takes over the provider. */
  constructor({ kmsId, timeoutMs = 30_000, attempts = 5 }: KmsOptions, provider: KmsProvider) {
    this.kmsId = kmsId;
    this.family = provider.family;
    this.#provider = provider;
    this.#keys = provider.family === 'stores' ? storedKeys(provider) : wrappedKeys(provider);
    this.#timeoutMs = timeoutMs;
    this.#attempts = attempts;
  }

  /** A new random key. */
  newDek(): Secret {
    return newDek();
  }

  /**
   * Gives the key, making and storing one if there is none. Callers that race all get the same key. (KV version 1 has no
   * compare-and-set: there this holds within one process, and across processes the slower one may get KMS_CONFLICT or,
   * in a window of one request, a key that is replaced; so a device is opened only with what a later fetch gave.)
   * @param initial Stored instead of a new key, for a copy that opens with the key of its source.
   */
  ensure(ref: KeyReference, ctx: CallContext, store: WrappedKeyStore, initial?: Secret): Promise<VersionedKey> {
    return this.#run(ref, ctx, async (attempt, signal) =>
      this.#turns.run(ref.volumeId, () => this.#ensure(ref, attempt, store, initial), signal),
    );
  }

  /** @throws CodedError KMS_KEY_NOT_FOUND */
  fetch(ref: KeyReference, ctx: CallContext, store: WrappedKeyStore): Promise<VersionedKey> {
    return this.#run(ref, ctx, (attempt) => this.#fetch(ref, attempt, store));
  }

  /**
   * Puts `dek` in the place of `expected`, and reads it back. Repeating a call that succeeded does nothing.
   * @throws CodedError KMS_CONFLICT when the present key is neither, KMS_KEY_NOT_FOUND when there is none.
   */
  replace(
    ref: KeyReference,
    dek: Secret,
    expected: VersionedKey,
    ctx: CallContext,
    store: WrappedKeyStore,
  ): Promise<void> {
    return this.#run(ref, ctx, async (attempt, signal) => {
      checkDek(dek);
      await this.#turns.run(ref.volumeId, () => this.#replace(ref, { dek, expected }, attempt, store), signal);
    });
  }

  /** Removes the key at the KMS, as the configuration says how. No error when it is gone. */
  remove(ref: KeyReference, ctx: CallContext): Promise<void> {
    return this.#run(ref, ctx, (attempt) => this.#keys.remove(ref, attempt));
  }

  /** Where the key is, or would be. Undefined where the configuration of the KMS tells it for all volumes alike. */
  async locate(ref: KeyReference, ctx: CallContext): Promise<KeyLocation | undefined> {
    const provider = this.#provider;
    if (!locatesKeys(provider)) return undefined;
    return this.#run(ref, ctx, (attempt) => attempt((bounded) => provider.locate(ref, bounded)));
  }

  /** Makes a new version of the KEK. False where the KMS cannot. */
  async rotateKek(ctx: CallContext): Promise<boolean> {
    const provider = this.#provider;
    if (!rewrapsKeys(provider)) return false;
    await this.#run({ volumeId: 'kek', owner: '' }, ctx, (attempt) =>
      attempt((bounded) => provider.rotateKek(bounded)),
    );
    return true;
  }

  /** Wraps the key again with the newest version of the KEK. False where that changed nothing, or the KMS cannot. */
  async rewrap(ref: KeyReference, ctx: CallContext, store: WrappedKeyStore): Promise<boolean> {
    const provider = this.#provider;
    if (!rewrapsKeys(provider)) return false;
    return this.#run(ref, ctx, (attempt, signal) =>
      this.#turns.run(ref.volumeId, () => rewrapKey(provider, ref, attempt, store), signal),
    );
  }

  /** May be called again. Calls that are under way end with an error. */
  close(): Promise<void> {
    this.#closing ??= this.#provider.close();
    return this.#closing;
  }

  async #ensure(ref: KeyReference, attempt: Attempt, store: WrappedKeyStore, initial?: Secret): Promise<VersionedKey> {
    const present = await this.#keys.find(ref, attempt, store);
    if (present) return present;
    using dek = initial ? initial.copy() : newDek();
    const created = await unlessConflict(this.#keys.create(ref, dek, attempt, store));
    return created ?? this.#fetch(ref, attempt, store);
  }

  async #replace(
    ref: KeyReference,
    { dek, expected }: { readonly dek: Secret; readonly expected: VersionedKey },
    attempt: Attempt,
    store: WrappedKeyStore,
  ): Promise<void> {
    const present = await this.#fetch(ref, attempt, store);
    using presentDek = present.dek;
    if (presentDek.equals(dek)) return;
    // Version and key: a KMS without versions has the same one for all keys, one with versions may have begun anew.
    if (present.version !== expected.version || !presentDek.equals(expected.dek)) throw conflict(ref);
    const change = { dek, expectedVersion: expected.version };
    try {
      await this.#keys.replace(ref, change, attempt, store);
    } catch (error) {
      if (!isCoded(error, 'KMS_CONFLICT')) throw error;
      // Perhaps it was our own write, whose answer was lost.
      using kept = (await this.#fetch(ref, attempt, store)).dek;
      if (!kept.equals(dek)) throw error;
    }
  }

  async #fetch(ref: KeyReference, attempt: Attempt, store: WrappedKeyStore): Promise<VersionedKey> {
    const found = await this.#keys.find(ref, attempt, store);
    if (found) return found;
    throw new CodedError('KMS_KEY_NOT_FOUND', `KMS ${this.kmsId} has no key for ${ref.volumeId}`, {
      remedy:
        'Restore the key from a backup, or undelete it where the KMS can; without it the volume cannot be opened.',
    });
  }

  async #run<T>(
    ref: KeyReference,
    ctx: CallContext,
    action: (attempt: Attempt, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#closing) throw closed(this.kmsId);
    checkReference(ref);
    throwIfAborted(ctx.signal);
    const signal = deadline(this.#timeoutMs, ctx.signal);
    const bounded: CallContext = { ...ctx, signal };
    const attempt: Attempt = (call) => {
      throwIfAborted(signal);
      return retry(() => call(bounded), { attempts: this.#attempts, signal, isRetriable, delayAfterMs });
    };
    try {
      return await action(attempt, signal);
    } catch (error) {
      throw this.#explain(error, ctx);
    }
  }

  #explain(error: unknown, ctx: CallContext): CodedError {
    const coded = toCoded(error);
    if (this.#closing) return closed(this.kmsId, coded);
    if (coded.code !== 'ABORTED' || ctx.signal?.aborted) return coded;
    return new CodedError('KMS_TIMEOUT', `KMS ${this.kmsId} did not answer within ${this.#timeoutMs} ms`, {
      remedy: 'Repeat the call; if it happens again look at the load of the KMS and at the network.',
      cause: coded,
    });
  }
}

/** Undefined when another caller was faster, or when our own write had arrived although its answer was lost. */
async function unlessConflict<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isCoded(error, 'KMS_CONFLICT')) return undefined;
    throw error;
  }
}

/** A sealed KMS waits for people and a conflict for a decision: repeating these at once is of no use. */
function isRetriable(error: unknown): boolean {
  return isCoded(error, 'KMS_UNREACHABLE', 'KMS_THROTTLED', 'KMS_TIMEOUT');
}

function delayAfterMs(error: unknown): number | undefined {
  if (!(error instanceof CodedError && 'retryAfterMs' in error)) return undefined;
  return typeof error.retryAfterMs === 'number' ? error.retryAfterMs : undefined;
}

function closed(kmsId: string, cause?: CodedError): CodedError {
  return new CodedError('SHUTTING_DOWN', `KMS ${kmsId} is closed`, {
    remedy: 'Repeat the call when the driver runs again.',
    cause,
  });
}
