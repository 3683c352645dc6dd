/**
 * One cached token for one identity (R9). Nothing runs in the background: whoever asks for the token pays for what is
 * due, once for all who ask at the same time.
 *
 *     none ──login──▶ fresh ──2/3 of its life──▶ due ──renew, or login──▶ fresh
 *                       │ refused by Vault, or another credential ──login──▶ fresh
 *     due, Vault does not answer: the token is used as long as it lives
 */
import { CodedError, isCoded } from '../errors';
import type { Secret } from '../secret';
import { type Grant, readGrant, type VaultAuth } from './auth/auth';
import type { VaultConnection } from './connection';
import { stopped } from './errors';

export interface LeaseClock {
  readonly now?: () => number;
  readonly random?: () => number;
  /** Told of each token that was obtained or lengthened. */
  readonly onObtained?: (how: 'login' | 'renewal') => void;
}

interface Held extends Grant {
  readonly dueAt: number;
  readonly expiresAt: number;
  /** Life that the login gave: a renewal that gives far less tells that the token nears its end. */
  readonly fullTtlMs: number;
}

const obtainTimeoutMs = 15_000;
/** How long a due token is used on after a failed renewal, before the next one is tried. */
const renewalPauseMs = 5_000;
/** A new token that is refused as well was not the reason; for this long a refusal is passed on at once. */
const doubtPauseMs = 10_000;

export class VaultLease {
  readonly #auth: VaultAuth;
  readonly #connection: VaultConnection;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #onObtained: (how: 'login' | 'renewal') => void;
  #held: Held | undefined;
  #obtaining: Promise<Held> | undefined;
  #trustedUntil = 0;
  #closed = false;

  constructor(auth: VaultAuth, connection: VaultConnection, clock: LeaseClock = {}) {
    const { now = Date.now, random = Math.random, onObtained = () => undefined } = clock;
    this.#auth = auth;
    this.#connection = connection;
    this.#now = now;
    this.#random = random;
    this.#onObtained = onObtained;
  }

  /** When the token ends that is held now, in milliseconds since 1970; Infinity for one that does not, or is not known to. */
  get expiresAt(): number | undefined {
    return this.#held?.expiresAt;
  }

  /** The token to use now. @throws CodedError and VaultError of a login; ABORTED when the signal fires while waiting. */
  async token(signal?: AbortSignal): Promise<Secret> {
    if (this.#closed) throw closed();
    const held = this.#held;
    const changed = held !== undefined && (await this.#auth.hasChanged?.()) === true;
    if (held && !changed && this.#now() < held.dueAt) return held.token;
    return (await this.#obtain(held && !changed ? held : undefined, signal)).token;
  }

  /**
   * To be called when Vault refused `token`. Gives another one to try once more, or undefined when the refusal is not
   * the token's fault as far as can be told.
   */
  async replace(token: Secret, signal?: AbortSignal): Promise<Secret | undefined> {
    if (this.#held && this.#held.token !== token) return this.#held.token;
    if (this.#now() < this.#trustedUntil) return undefined;
    return (await this.#obtain(undefined, signal)).token;
  }

  /** To be called when a token from {@link replace} was refused too: the next refusals cost no login. */
  refusalStands(): void {
    this.#trustedUntil = this.#now() + doubtPauseMs;
  }

  close(): void {
    this.#closed = true;
    this.#held?.token.zero();
    this.#held = undefined;
  }

  #obtain(due: Held | undefined, signal: AbortSignal | undefined): Promise<Held> {
    this.#obtaining ??= this.#renewOrLogin(due).finally(() => {
      this.#obtaining = undefined;
    });
    return orAborted(this.#obtaining, signal);
  }

  /** Under a deadline of its own: it serves all who wait, so no single caller may cancel it. */
  async #renewOrLogin(due: Held | undefined): Promise<Held> {
    const signal = AbortSignal.timeout(obtainTimeoutMs);
    try {
      const renewed = due?.renewable ? await this.#renew(due, signal) : undefined;
      const held = this.#hold(renewed ?? this.#timed(await this.#auth.login(this.#connection, signal)));
      this.#onObtained(renewed ? 'renewal' : 'login');
      return held;
    } catch (error) {
      if (!due || this.#now() >= due.expiresAt || !(error instanceof CodedError && error.retryable)) throw error;
      return this.#hold({ ...due, dueAt: Math.min(due.expiresAt, this.#now() + renewalPauseMs) });
    }
  }

  /** Undefined when a login is needed after all. */
  async #renew(due: Held, signal: AbortSignal): Promise<Held | undefined> {
    const path = 'auth/token/renew-self';
    const { namespace } = this.#auth;
    try {
      const answer = await this.#connection.request({
        method: 'POST',
        path,
        namespace,
        token: due.token,
        body: {},
        signal,
      });
      const { ttlMs, renewable } = readGrant(answer.body, `POST ${path} at ${this.#connection.address}`);
      const nearsEnd = ttlMs !== undefined && ttlMs < due.fullTtlMs / 2;
      if (nearsEnd) return undefined;
      return this.#timed({ token: due.token, renewable, ...(ttlMs !== undefined && { ttlMs }) }, due.fullTtlMs);
    } catch (error) {
      if (isCoded(error, 'KMS_DENIED')) return undefined;
      throw error;
    }
  }

  /** Spread by a tenth, so that nodes which started together do not renew together. */
  #timed(grant: Grant, fullTtlMs = grant.ttlMs ?? 0): Held {
    if (grant.ttlMs === undefined) return { ...grant, dueAt: Infinity, expiresAt: Infinity, fullTtlMs };
    const share = (2 / 3) * (0.9 + 0.1 * this.#random());
    const now = this.#now();
    return { ...grant, dueAt: now + grant.ttlMs * share, expiresAt: now + grant.ttlMs, fullTtlMs };
  }

  #hold(held: Held): Held {
    if (this.#closed) {
      held.token.zero();
      throw closed();
    }
    this.#held = held;
    return held;
  }
}

function closed(): CodedError {
  return new CodedError('SHUTTING_DOWN', 'the connection to Vault was closed', { remedy: 'Repeat the call.' });
}

/** Waits for `work` no longer than until the signal fires; the work itself goes on. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  const { promise: aborted, reject } = defer();
  const onAbort = () => reject(stopped(signal, 'login'));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function defer(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<never>((_, refuse) => {
    reject = refuse;
  });
  return { promise, reject };
}
