/**
 * Vault as one identity sees it: requests carry the token of the lease, and a refusal of the token is answered by one
 * login. Does not repeat what fails for other reasons: the caller knows its deadline and uses async/retry, with
 * `retryAfterMs` of the error as the server's wish.
 */
import { isCoded } from '../errors';
import type { VaultAuth } from './auth/auth';
import { type VaultAnswer, VaultConnection, type VaultRequest } from './connection';
import type { OriginOptions } from './http';
import { type LeaseClock, VaultLease } from './lease';

export type TokenRequest = Omit<VaultRequest, 'token'>;

export class VaultClient {
  readonly #connection: VaultConnection;
  readonly #lease: VaultLease;

  /** @throws CodedError CONFIG_INVALID: the address or the CA is unusable. */
  constructor(options: OriginOptions, auth: VaultAuth, clock: LeaseClock = {}) {
    this.#connection = new VaultConnection(options);
    this.#lease = new VaultLease(auth, this.#connection, clock);
  }

  get address(): string {
    return this.#connection.address;
  }

  /** When the token ends, in milliseconds since 1970; undefined without a token, Infinity without an end. */
  get tokenExpiresAt(): number | undefined {
    return this.#lease.expiresAt;
  }

  /** Logs in or renews when that is due, so that a token lives on while nothing is asked. @throws as {@link request}. */
  async keepToken(signal?: AbortSignal): Promise<void> {
    await this.#lease.token(signal);
  }

  /** @throws VaultError; CodedError CONFIG_UNREADABLE (no credential), ABORTED. */
  async request(request: TokenRequest): Promise<VaultAnswer> {
    const token = await this.#lease.token(request.signal);
    try {
      return await this.#connection.request({ ...request, token });
    } catch (error) {
      if (!isTokenRefused(error)) throw error;
      const other = await this.#lease.replace(token, request.signal);
      if (!other) throw error;
      return await this.#again({ ...request, token: other });
    }
  }

  /** Ends its connections, also those in use, and forgets the token. */
  close(): void {
    this.#lease.close();
    this.#connection.close();
  }

  async #again(request: VaultRequest): Promise<VaultAnswer> {
    try {
      return await this.#connection.request(request);
    } catch (error) {
      if (isTokenRefused(error)) this.#lease.refusalStands();
      throw error;
    }
  }
}

/** Vault answers 403 to a dead token and to a policy that does not allow the path alike. */
function isTokenRefused(error: unknown): boolean {
  return isCoded(error, 'KMS_DENIED') && 'status' in error && (error.status === 401 || error.status === 403);
}
