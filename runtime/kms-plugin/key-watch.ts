/**
 * Watches the key in the background, so that Status is answered from memory. A new version is announced as soon as any
 * answer of transit shows it, before that answer is passed on: Status and Encrypt then agree.
 */
import { toCoded } from '../errors';
import type { Log } from '../log';
import type { Transit } from '../vault/transit';
import { ciphertextVersion } from '../vault/transit';
import { isNewer, isSame, type KeyVersion } from './key-id';
import { keyReplaced } from './key-replaced';
import { failed, type KeyState, succeeded, trouble } from './key-state';
import { KeyVersions } from './key-versions';
import { type Canary, type ProbeResult, probe } from './probe';

export interface KeyWatchOptions {
  /** Between two probes while all is well. */
  readonly pollMs: number;
  /** How long an outage of Vault is not told as a fault. */
  readonly graceMs: number;
  /** For one probe. */
  readonly timeoutMs: number;
}

export interface KeyWatchDeps {
  readonly transit: Transit;
  readonly log: Log;
  readonly now?: () => number;
  /** Told of each key id that is announced, the first one included. */
  readonly onKeyId?: (keyId: string) => void;
}

const firstRetryMs = 500;
const maxRetryMs = 10_000;

export class KeyWatch {
  readonly #options: KeyWatchOptions;
  readonly #deps: KeyWatchDeps;
  readonly #now: () => number;
  readonly #versions: KeyVersions;
  readonly #firstProbe: Promise<void>;
  #state: KeyState = { phase: 'unknown' };
  #canary: Canary | undefined;
  /** An older version that the last probe met: it is announced when the next one meets it too. */
  #older: KeyVersion | undefined;
  #timer: NodeJS.Timeout | undefined;
  #probing = false;
  #probedAt = 0;
  #firstProbeDone: () => void = () => undefined;
  #closed = false;

  constructor(options: KeyWatchOptions, deps: KeyWatchDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
    this.#versions = new KeyVersions(deps.transit, options.timeoutMs, this.#now);
    this.#firstProbe = new Promise((resolve) => {
      this.#firstProbeDone = resolve;
    });
  }

  get state(): KeyState {
    return this.#state;
  }

  start(): void {
    void this.#probe();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#firstProbeDone();
  }

  /** What is wrong beyond the grace; undefined: nothing. */
  get trouble() {
    return trouble(this.#state, this.#options.graceMs, this.#now());
  }

  /** Resolves when the first probe has ended, well or not: before that nobody knows whether the key exists. */
  get started(): Promise<void> {
    return this.#firstProbe;
  }

  /** For a probe soon: a call has shown that something changed. At most one a second. */
  nudge(): void {
    if (this.#probing || this.#closed || this.#now() - this.#probedAt < 1_000) return;
    clearTimeout(this.#timer);
    void this.#probe();
  }

  /**
   * Key id of a ciphertext that transit has just returned. Announces its version first when it is a newer one.
   * @throws CodedError KMS_CONFLICT and those of the network, when the version is new and cannot be looked up.
   */
  async keyIdOf(ciphertext: string): Promise<string> {
    const number = ciphertextVersion(ciphertext) ?? 0;
    const state = this.#state;
    if (state.phase === 'known' && state.version.version === number && !state.fault) return state.keyId;
    const version = await this.#versions.find(number);
    this.#older = undefined;
    if (this.#state.phase === 'unknown' || isNewer(version, this.#state.version)) this.#announce(version);
    return this.#versions.keyId(version);
  }

  async #probe(): Promise<void> {
    this.#probing = true;
    try {
      const signal = AbortSignal.timeout(this.#options.timeoutMs);
      this.#take(await probe(this.#deps.transit, this.#versions, this.#canary, signal));
    } catch (thrown) {
      this.#fail(thrown);
    } finally {
      this.#probing = false;
      this.#probedAt = this.#now();
      this.#firstProbeDone();
      if (!this.#closed) this.#timer = setTimeout(() => void this.#probe(), this.#pauseMs());
    }
  }

  #take({ version, canary, replaced }: ProbeResult): void {
    const { state } = this;
    if (state.fault) this.#deps.log.info('the key works again', { durationMs: this.#now() - state.fault.since });
    if (replaced && state.phase === 'known' && isSame(version, state.version)) {
      // The same key id would stand for two keys, so the API server must not write on.
      throw keyReplaced(this.#deps.transit.path('keys'));
    }
    if (replaced) this.#deps.log.error('the transit key was deleted and made anew: what the old one encrypted is lost');
    this.#canary = canary;
    const isOlder = state.phase === 'known' && !isSame(version, state.version) && !isNewer(version, state.version);
    const isConfirmed = this.#older !== undefined && isSame(this.#older, version);
    this.#older = isOlder ? version : undefined;
    if (isOlder && !isConfirmed) this.#state = succeeded(state.version, state.keyId, this.#now());
    else this.#announce(version);
  }

  #announce(version: KeyVersion): void {
    const keyId = this.#versions.keyId(version);
    const before = this.#state.phase === 'known' ? this.#state.keyId : undefined;
    this.#state = succeeded(version, keyId, this.#now());
    if (keyId === before) return;
    this.#deps.log.info(before === undefined ? 'the key is known' : 'the key id changed', { keyId });
    this.#deps.onKeyId?.(keyId);
  }

  #fail(thrown: unknown): void {
    const error = toCoded(thrown);
    const isNews = this.#state.fault?.error.code !== error.code;
    this.#state = failed(this.#state, error, this.#now());
    if (isNews) this.#deps.log.warn('the key cannot be used at present', { error });
  }

  /** Spread by a tenth, so that the plugins of several API servers do not probe together. */
  #pauseMs(): number {
    const count = this.#state.fault?.count ?? 0;
    const pauseMs = count === 0 ? this.#options.pollMs : Math.min(maxRetryMs, firstRetryMs * 2 ** (count - 1));
    return Math.min(pauseMs, this.#options.pollMs) * (0.9 + 0.1 * Math.random());
  }
}
