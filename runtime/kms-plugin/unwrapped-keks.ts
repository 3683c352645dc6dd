/** KEKs that transit unwrapped, so that it is asked once for each: the ones used last are kept, in bounded number. */
import { CodedError } from '../errors';
import { Secret } from '../secret';
import { everyone } from './coalescer';
import { kekBytes } from './local-ciphertext';
import type { RemoteKey } from './remote-key';

/** A KEK is in use for a day or more; this many cover the data of years. */
const defaultMaxHeld = 1_024;

export class UnwrappedKeks {
  readonly #remote: Pick<RemoteKey, 'decrypt'>;
  readonly #maxHeld: number;
  /** By wrapped form, the one used longest ago first. */
  readonly #held = new Map<string, Secret>();
  readonly #unwrapping = new Map<string, Promise<Secret>>();

  constructor(remote: Pick<RemoteKey, 'decrypt'>, maxHeld = defaultMaxHeld) {
    this.#remote = remote;
    this.#maxHeld = maxHeld;
  }

  get size(): number {
    return this.#held.size;
  }

  /** @throws CodedError KMS_CIPHERTEXT_INVALID when it is no KEK, and those of Vault and the network. */
  async get(wrapped: string): Promise<Secret> {
    const held = this.#held.get(wrapped);
    if (held) {
      this.put(wrapped, held);
      return held;
    }
    const running = this.#unwrapping.get(wrapped);
    if (running) return running;
    const unwrapping = this.#unwrap(wrapped).finally(() => this.#unwrapping.delete(wrapped));
    this.#unwrapping.set(wrapped, unwrapping);
    return unwrapping;
  }

  /** Keeps a KEK as the one used last. */
  put(wrapped: string, kek: Secret): void {
    this.#held.delete(wrapped);
    this.#held.set(wrapped, kek);
    // Not zeroed: a call may be decrypting with it in this moment.
    const [oldest] = this.#held.keys();
    if (this.#held.size > this.#maxHeld && oldest !== undefined) this.#held.delete(oldest);
  }

  close(): void {
    for (const kek of this.#held.values()) kek.zero();
    this.#held.clear();
  }

  async #unwrap(wrapped: string): Promise<Secret> {
    const kek = Secret.take(await this.#remote.decrypt(wrapped, everyone));
    if (kek.lengthBytes !== kekBytes) {
      throw new CodedError('KMS_CIPHERTEXT_INVALID', 'the annotation of the local KEK holds another secret', {
        remedy: 'The data was not written by keyward, or it is damaged: restore it from a backup of etcd.',
      });
    }
    this.put(wrapped, kek);
    return kek;
  }
}
