/**
 * The local KEK (the hierarchy of KEP-3299): a random key that transit wraps once and that then encrypts in memory. It is
 * replaced when it is old, much used, or when the transit key has a new version; the key id stays that of the transit key.
 *
 * While Vault is away a KEK that is due is used on, up to the hard bounds: the API server keeps writing through an outage.
 */
import { CodedError, toCoded } from '../errors';
import type { Log } from '../log';
import { Secret } from '../secret';
import { everyone } from './coalescer';
import { kekBytes, sealLocally } from './local-ciphertext';
import type { RemoteKey } from './remote-key';

export interface LocalKekOptions {
  /** After this time a new KEK is made. */
  readonly maxAgeMs: number;
  /** After this many encryptions a new KEK is made. */
  readonly maxUses: number;
}

export interface LocalCiphertext {
  readonly ciphertext: Buffer;
  readonly wrappedKek: string;
  readonly keyId: string;
}

interface Held {
  readonly kek: Secret;
  readonly wrapped: string;
  readonly keyId: string;
  readonly madeAt: number;
  uses: number;
}

/** How many times older than due a KEK may become while Vault is away. */
const maxOverdue = 7;
/** GCM with random nonces is safe for 2^32 messages; this is half of it. */
const hardMaxUses = 2 ** 31;
/** A renewal that failed is not tried more often than this. */
const renewalPauseMs = 5_000;

export class LocalKek {
  readonly #remote: Pick<RemoteKey, 'encrypt'>;
  readonly #announcedKeyId: () => string | undefined;
  readonly #options: LocalKekOptions;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #onMade: (kek: Secret, wrapped: string) => void;
  #held: Held | undefined;
  #making: Promise<Held> | undefined;
  #pausedUntil = 0;

  constructor(
    options: LocalKekOptions,
    deps: {
      readonly remote: Pick<RemoteKey, 'encrypt'>;
      /** Key id that Status tells now. */
      readonly announcedKeyId: () => string | undefined;
      readonly log: Log;
      readonly now?: () => number;
      /** Told of each new KEK, so that what it encrypts can be decrypted without asking transit. */
      readonly onMade?: (kek: Secret, wrapped: string) => void;
    },
  ) {
    this.#options = options;
    this.#remote = deps.remote;
    this.#announcedKeyId = deps.announcedKeyId;
    this.#log = deps.log;
    this.#now = deps.now ?? Date.now;
    this.#onMade = deps.onMade ?? (() => undefined);
  }

  /** Encryptions with the KEK that is in use; undefined while there is none. */
  get uses(): number | undefined {
    return this.#held?.uses;
  }

  /** @throws CodedError of Vault and the network, when there is no KEK that may still be used. */
  async encrypt(plaintext: Uint8Array): Promise<LocalCiphertext> {
    const held = this.#usable() ?? (await this.#make());
    held.uses += 1;
    if (this.#isDue(held)) this.renew();
    return { ciphertext: sealLocally(held.kek, plaintext), wrappedKek: held.wrapped, keyId: held.keyId };
  }

  /** Makes a new KEK in the background: at the start, when one is due, and when the key id changed. */
  renew(): void {
    if (this.#making || this.#now() < this.#pausedUntil) return;
    this.#make().catch((error: unknown) => {
      this.#pausedUntil = this.#now() + renewalPauseMs;
      this.#log.warn('no new local KEK can be made at present', { error: toCoded(error) });
    });
  }

  close(): void {
    this.#held?.kek.zero();
    this.#held = undefined;
  }

  /** The KEK in use, unless it may not be used any more or belongs to another version of the key than Status tells. */
  #usable(): Held | undefined {
    const held = this.#held;
    if (!held || held.keyId !== this.#announcedKeyId()) return undefined;
    const ageMs = this.#now() - held.madeAt;
    return ageMs < this.#options.maxAgeMs * maxOverdue && held.uses < hardMaxUses ? held : undefined;
  }

  #isDue({ madeAt, uses }: Held): boolean {
    return this.#now() - madeAt >= this.#options.maxAgeMs || uses >= this.#options.maxUses;
  }

  #make(): Promise<Held> {
    this.#making ??= this.#wrapNew().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  async #wrapNew(): Promise<Held> {
    const kek = Secret.random(kekBytes);
    const { text, keyId } = await this.#remote.encrypt(
      kek.use((bytes) => Buffer.from(bytes)),
      everyone,
    );
    if (text.length > maxWrappedBytes) throw tooLarge();
    // Not zeroed: the cache of unwrapped KEKs still decrypts with the one before.
    this.#held = { kek, wrapped: text, keyId, madeAt: this.#now(), uses: 0 };
    this.#onMade(kek, text);
    this.#log.info('a new local KEK is in use', { keyId });
    return this.#held;
  }
}

/** The API server takes annotations of up to 32 KiB altogether. */
const maxWrappedBytes = 8 * 1024;

function tooLarge(): CodedError {
  return new CodedError('KMS_ANSWER_INVALID', 'transit made a wrapped KEK that is too large for an annotation', {
    remedy: 'Use a transit key of type aes256-gcm96.',
  });
}
