/**
 * When each version of the key was made. It belongs to a version and never changes, so it is asked for once a version and
 * is no second source for which version is in use: that is what the ciphertext says.
 */
import { CodedError, isCoded } from '../errors';
import type { Transit, TransitKey } from '../vault/transit';
import { type KeyVersion, keyIdOf } from './key-id';

/** A policy is changed by people: asking again this seldom spares Vault the logins that a refusal causes. */
const deniedPauseMs = 600_000;

export class KeyVersions {
  readonly #transit: Pick<Transit, 'describe' | 'place'>;
  readonly #now: () => number;
  readonly #timeoutMs: number;
  readonly #madeAt = new Map<number, number>();
  #deniedUntil = 0;
  #asking: Promise<TransitKey | undefined> | undefined;

  constructor(transit: Pick<Transit, 'describe' | 'place'>, timeoutMs: number, now: () => number = Date.now) {
    this.#transit = transit;
    this.#timeoutMs = timeoutMs;
    this.#now = now;
  }

  keyId(version: KeyVersion): string {
    return keyIdOf(this.#transit.place, version);
  }

  /** What is known of a version without asking. */
  known(version: number): KeyVersion | undefined {
    const madeAt = this.#madeAt.get(version);
    return madeAt === undefined && this.#now() >= this.#deniedUntil ? undefined : { version, madeAt };
  }

  /** @throws CodedError KMS_CONFLICT when the node of Vault that answers does not know the version yet; those of the network. */
  async find(version: number): Promise<KeyVersion> {
    const known = this.known(version);
    if (known) return known;
    await this.ask().catch((error: unknown) => this.#passDenial(error));
    const found = this.known(version);
    if (found) return found;
    throw new CodedError('KMS_CONFLICT', `the nodes of Vault do not agree yet on version ${version} of the key`, {
      remedy: 'Repeat the call; if this lasts, see whether a standby lags behind.',
    });
  }

  /**
   * Reads the key anew, once for all who ask at the same time. Undefined while the policy is known to forbid it.
   * @throws VaultError KMS_KEY_NOT_FOUND, KMS_DENIED and those of the network.
   */
  ask(): Promise<TransitKey | undefined> {
    if (this.#now() < this.#deniedUntil) return Promise.resolve(undefined);
    this.#asking ??= this.#read().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** To be called when reading was denied although the token is good: it works for the other paths. */
  readingIsDenied(): void {
    this.#deniedUntil = this.#now() + deniedPauseMs;
  }

  /** The caller has just encrypted with the same token, so a denial can only mean that the policy forbids to read the key. */
  #passDenial(error: unknown): void {
    if (!isCoded(error, 'KMS_DENIED')) throw error;
    this.readingIsDenied();
  }

  async #read(): Promise<TransitKey> {
    const key = await this.#transit.describe(AbortSignal.timeout(this.#timeoutMs));
    this.#deniedUntil = 0;
    this.#madeAt.clear();
    for (const [version, madeAt] of key.versionsMadeAt) this.#madeAt.set(version, madeAt);
    return key;
  }
}
