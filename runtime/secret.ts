/**
 * Bytes that must not be seen. The bytes are reachable only inside {@link Secret.use}; printing, logging, serialising
 * or interpolating a Secret yields a placeholder.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

const placeholder = '[secret]';

export class Secret {
  readonly #bytes: Buffer;
  #zeroed = false;

  private constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Takes over the buffer: the caller must not use it afterwards. */
  static take(bytes: Uint8Array): Secret {
    return new Secret(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  /** For secrets that arrive as text (a gRPC map value, a JSON answer). The string itself stays with the garbage collector. */
  static fromText(text: string): Secret {
    return new Secret(Buffer.from(text, 'utf8'));
  }

  /** `lengthBytes` random bytes from the operating system's generator. */
  static random(lengthBytes: number): Secret {
    return new Secret(randomBytes(lengthBytes));
  }

  get lengthBytes(): number {
    return this.#bytes.length;
  }

  /** Lends the bytes to `fn`; they must not be kept. @throws Error after {@link zero}. */
  use<T>(fn: (bytes: Buffer) => T): T {
    if (this.#zeroed) throw new Error('a Secret was used after it had been zeroed');
    return fn(this.#bytes);
  }

  /** Compares in constant time. */
  equals(other: Secret): boolean {
    return this.use((a) => other.use((b) => a.length === b.length && timingSafeEqual(a, b)));
  }

  /** Another one with the same bytes, to be zeroed by whoever asked for it. */
  copy(): Secret {
    return this.use((bytes) => new Secret(Buffer.from(bytes)));
  }

  /** Overwrites the bytes. May be called again. */
  zero(): void {
    this.#bytes.fill(0);
    this.#zeroed = true;
  }

  toString(): string {
    return placeholder;
  }

  toJSON(): string {
    return placeholder;
  }

  [inspect.custom](): string {
    return placeholder;
  }

  [Symbol.dispose](): void {
    this.zero();
  }
}
