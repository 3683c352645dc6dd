/**
 * Requests to one origin over kept-alive connections. Each has a deadline over the whole exchange, so a server that
 * sends a byte now and then ends in KMS_TIMEOUT, and a bound on the size of its answer.
 */
import http from 'node:http';
import https from 'node:https';
import { CodedError } from '../errors';
import { notReached, notUnderstood, stopped, timedOut } from './errors';
import { secureOptions, type TlsOptions } from './tls';

export interface OriginOptions {
  /** `http(s)://host:port`, with a base path if there is one. */
  readonly address: string;
  readonly tls?: TlsOptions;
  /** For each request, connecting included. Default 10,000. */
  readonly timeoutMs?: number;
  /** Sends by http1.ts, which takes less time for each request. Default false. */
  readonly lean?: boolean;
}

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'LIST';
  /** Below the address, without a leading slash, encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For this exchange, when it is not that of the origin. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export const maxAnswerBytes = 1024 * 1024;
const maxConnections = 32;
const idleConnectionMs = 60_000;

/** One server, reached by HTTP or HTTPS. */
export class Origin {
  readonly address: string;
  readonly #base: URL;
  readonly #agent: http.Agent;
  readonly #timeoutMs: number;

  /** @throws CodedError CONFIG_INVALID for an address that is no http(s) URL, or an unusable CA. */
  constructor({ address, tls = { verify: true }, timeoutMs = 10_000 }: OriginOptions) {
    this.#base = parseAddress(address);
    this.address = this.#base.origin;
    this.#timeoutMs = timeoutMs;
    const pool = { keepAlive: true, maxSockets: maxConnections, timeout: idleConnectionMs } as const;
    this.#agent = this.#isTls ? new https.Agent({ ...pool, ...secureOptions(tls) }) : new http.Agent(pool);
  }

  get #isTls(): boolean {
    return this.#base.protocol === 'https:';
  }

  /**
   * @throws VaultError KMS_UNREACHABLE, KMS_TLS_UNTRUSTED, KMS_TIMEOUT, KMS_ANSWER_INVALID (too large);
   *   CodedError ABORTED when the signal fired because the caller gave up.
   */
  send(request: HttpRequest): Promise<HttpAnswer> {
    const { method, path, headers, body, timeoutMs = this.#timeoutMs, signal } = request;
    const doing = `${method} ${path} at ${this.address}`;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(stopped(signal, doing));
      const outgoing = (this.#isTls ? https : http).request({
        agent: this.#agent,
        host: this.#base.hostname.replace(/^\[|\]$/g, ''),
        port: this.#base.port,
        path: `${this.#base.pathname.replace(/\/+$/, '')}/${path}`,
        method,
        headers: { ...headers, ...(body !== undefined && { 'Content-Length': Buffer.byteLength(body) }) },
      });
      const settle = (act: () => void) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        act();
      };
      const fail = (error: CodedError) => {
        settle(() => reject(error));
        outgoing.destroy();
      };
      const timer = setTimeout(() => fail(timedOut(doing, timeoutMs)), timeoutMs);
      const onAbort = () => fail(stopped(signal, doing));
      signal?.addEventListener('abort', onAbort, { once: true });

      outgoing.on('error', (error) => fail(notReached(error, doing)));
      outgoing.on('response', (answer) => {
        const chunks: Buffer[] = [];
        let sizeBytes = 0;
        answer.on('data', (chunk: Buffer) => {
          sizeBytes += chunk.length;
          if (sizeBytes > maxAnswerBytes) fail(notUnderstood(doing, `is larger than ${maxAnswerBytes} bytes`));
          else chunks.push(chunk);
        });
        answer.on('error', (error) => fail(notReached(error, doing)));
        answer.on('end', () =>
          settle(() =>
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
          ),
        );
      });
      outgoing.end(body);
    });
  }

  /** Ends all connections, also those in use. */
  close(): void {
    this.#agent.destroy();
  }
}

/** @throws CodedError CONFIG_INVALID for what is no http(s) URL. */
export function parseAddress(address: string): URL {
  if (/^https?:\/\//.test(address) && URL.canParse(address)) return new URL(address);
  throw new CodedError('CONFIG_INVALID', 'the address of Vault is not a URL', {
    remedy: 'Write https://host:port as the address.',
  });
}
