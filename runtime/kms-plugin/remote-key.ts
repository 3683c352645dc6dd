/** Encrypts and decrypts with the transit key, in batches. Ciphertexts are transit's text, unchanged. */
import { retry } from '../async/retry';
import { isCoded } from '../errors';
import type { Transit } from '../vault/transit';
import { type Caller, Coalescer, type CoalescerOptions, type Send } from './coalescer';
import type { KeyWatch } from './key-watch';

export interface RemoteCiphertext {
  /** Transit's text form. */
  readonly text: string;
  readonly keyId: string;
}

export interface RemoteKeyOptions extends Omit<CoalescerOptions, 'operation' | 'onBatch'> {
  readonly onBatch?: (operation: 'encrypt' | 'decrypt', items: number) => void;
}

export class RemoteKey {
  readonly #watch: KeyWatch;
  readonly #encrypts: Coalescer<Uint8Array, string>;
  readonly #decrypts: Coalescer<string, Buffer>;

  constructor(transit: Transit, watch: KeyWatch, { onBatch, ...bounds }: RemoteKeyOptions = {}) {
    this.#watch = watch;
    const options = (operation: 'encrypt' | 'decrypt') => ({
      ...bounds,
      operation,
      ...(onBatch && { onBatch: (items: number) => onBatch(operation, items) }),
    });
    this.#encrypts = new Coalescer(
      onceMore((items, timeoutMs) => transit.encrypt(items, { timeoutMs })),
      options('encrypt'),
    );
    this.#decrypts = new Coalescer(
      onceMore((items, timeoutMs) => transit.decrypt(items, { timeoutMs })),
      options('decrypt'),
    );
  }

  /** Calls that wait for a request to Vault. */
  waiting(operation: 'encrypt' | 'decrypt'): number {
    return (operation === 'encrypt' ? this.#encrypts : this.#decrypts).waiting;
  }

  /** @throws CodedError KMS_KEY_NOT_FOUND, KMS_QUEUE_FULL, KMS_TIMEOUT and those of Vault and the network. */
  async encrypt(plaintext: Uint8Array, caller: Caller): Promise<RemoteCiphertext> {
    if (this.#watch.state.phase === 'unknown') await this.#watch.started;
    // Encrypting with a deleted key would make a new one where the token has the right to.
    const fault = this.#watch.state.fault?.error;
    if (isCoded(fault, 'KMS_KEY_NOT_FOUND')) throw fault;
    return await this.#noting(async () => {
      const text = await this.#encrypts.call(plaintext, plaintext.length, caller);
      return { text, keyId: await this.#watch.keyIdOf(text) };
    });
  }

  /** @throws CodedError KMS_CIPHERTEXT_INVALID, KMS_QUEUE_FULL, KMS_TIMEOUT and those of Vault and the network. */
  async decrypt(text: string, caller: Caller): Promise<Buffer> {
    return await this.#noting(() => this.#decrypts.call(text, text.length, caller));
  }

  /** A call that goes another way than the last probe did is a reason to probe. */
  async #noting<T>(call: () => Promise<T>): Promise<T> {
    try {
      const result = await call();
      if (this.#watch.state.fault) this.#watch.nudge();
      return result;
    } catch (error) {
      if (!isCoded(error, 'KMS_CIPHERTEXT_INVALID', 'KMS_QUEUE_FULL')) this.#watch.nudge();
      throw error;
    }
  }
}

/**
 * Once more after a broken connection: a kept-alive connection may have been closed by the other side just when it was
 * used. Encrypting or decrypting twice does no harm.
 */
function onceMore<I, O>(send: Send<I, O>): Send<I, O> {
  return (items, timeoutMs) =>
    retry(() => send(items, timeoutMs), {
      attempts: 2,
      firstDelayMs: 50,
      isRetriable: (error) => isCoded(error, 'KMS_UNREACHABLE'),
    });
}
