/**
 * The plugin's way to Vault for as long as it runs: one client with its token, kept alive while nothing is asked, and
 * replaced by another one when the CA or the client certificate was replaced on disk.
 */
import { toCoded } from '../errors';
import type { Log } from '../log';
import { type TokenRequest, VaultClient } from '../vault/client';
import type { VaultAnswer } from '../vault/connection';
import { makeAuth } from './make-auth';
import type { PluginSettings } from './settings/resolve';
import { readTrust, trustFingerprint } from './vault-trust';

export interface VaultLinkDeps {
  readonly log: Log;
  readonly onToken?: (how: 'login' | 'renewal') => void;
  /** Observes each request; `code` is OK or an error code, `status` that of HTTP where there was an answer. */
  readonly onRequest?: (request: ObservedRequest) => void;
}

export interface ObservedRequest {
  readonly method: string;
  readonly path: string;
  readonly code: string;
  readonly status: number | undefined;
  readonly durationMs: number;
}

const tickMs = 5_000;
/** Longer than any request may take. */
const closeAfterMs = 60_000;

export class VaultLink {
  readonly #settings: PluginSettings;
  readonly #deps: VaultLinkDeps;
  readonly #timer: NodeJS.Timeout;
  readonly #closing = new Map<VaultClient, NodeJS.Timeout>();
  #client: VaultClient;
  #fingerprint: string | undefined;
  #lastFailure: string | undefined;
  #ticking = false;

  private constructor(
    settings: PluginSettings,
    deps: VaultLinkDeps,
    client: VaultClient,
    fingerprint: string | undefined,
  ) {
    this.#settings = settings;
    this.#deps = deps;
    this.#client = client;
    this.#fingerprint = fingerprint;
    this.#timer = setInterval(() => void this.#tick(), tickMs);
  }

  /** Asks nothing of Vault, which may be away. @throws CodedError CONFIG_UNREADABLE, CONFIG_INVALID. */
  static async open(settings: PluginSettings, deps: VaultLinkDeps): Promise<VaultLink> {
    const fingerprint = await trustFingerprint(settings);
    return new VaultLink(settings, deps, await makeClient(settings, deps), fingerprint);
  }

  get address(): string {
    return this.#client.address;
  }

  /** In milliseconds since 1970; undefined without a token, Infinity without an end. */
  get tokenExpiresAt(): number | undefined {
    return this.#client.tokenExpiresAt;
  }

  /** @throws VaultError; CodedError CONFIG_UNREADABLE (no credential), ABORTED. */
  async request(request: TokenRequest): Promise<VaultAnswer> {
    const startedAt = performance.now();
    const observe = (code: string, status: number | undefined) =>
      this.#deps.onRequest?.({
        method: request.method,
        path: request.path,
        code,
        status,
        durationMs: performance.now() - startedAt,
      });
    try {
      const answer = await this.#client.request(request);
      observe('OK', answer.status);
      return answer;
    } catch (error) {
      const { code } = toCoded(error);
      observe(code, error instanceof Error && 'status' in error ? Number(error.status) : undefined);
      throw error;
    }
  }

  /** Logs in, or renews what is due. @throws as {@link request}. */
  async keepToken(signal?: AbortSignal): Promise<void> {
    await this.#client.keepToken(signal);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const [client, timer] of this.#closing) {
      clearTimeout(timer);
      client.close();
    }
    this.#client.close();
  }

  async #tick(): Promise<void> {
    if (this.#ticking) return;
    this.#ticking = true;
    try {
      await this.#replaceIfTrustChanged();
      await this.keepToken();
      this.#lastFailure = undefined;
    } catch (thrown) {
      const error = toCoded(thrown);
      if (error.code !== this.#lastFailure) this.#deps.log.warn('no token of Vault can be had at present', { error });
      this.#lastFailure = error.code;
    } finally {
      this.#ticking = false;
    }
  }

  async #replaceIfTrustChanged(): Promise<void> {
    const fingerprint = await trustFingerprint(this.#settings);
    if (fingerprint === undefined || fingerprint === this.#fingerprint) return;
    const old = this.#client;
    this.#client = await makeClient(this.#settings, this.#deps);
    this.#fingerprint = fingerprint;
    this.#closing.set(
      old,
      setTimeout(() => {
        this.#closing.delete(old);
        old.close();
      }, closeAfterMs).unref(),
    );
    this.#deps.log.info('the certificates for Vault were read again');
  }
}

async function makeClient(settings: PluginSettings, { onToken }: VaultLinkDeps): Promise<VaultClient> {
  const { address, requestTimeoutMs: timeoutMs } = settings.config.vault;
  const origin = { address, tls: await readTrust(settings), timeoutMs, lean: true };
  return new VaultClient(origin, makeAuth(settings, origin), onToken ? { onObtained: onToken } : {});
}
