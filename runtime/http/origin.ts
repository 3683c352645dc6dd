/**
 * Requests to one origin over kept-alive connections. Each has a deadline over the whole exchange, so a server that
 * sends a byte now and then ends in a time-out, and a bound on the size of its answer.
 */
import http from 'node:http';
import https from 'node:https';
import type { CodedError } from '../errors';

export interface OriginOptions {
  /** `http(s)://host:port`, with a base path if there is one. */
  readonly address: string;
  /** For each request, connecting included. Default 10,000. */
  readonly timeoutMs?: number;
  /** Default 1 MiB. */
  readonly maxAnswerBytes?: number;
  /** How the server's certificate is checked. Default: TLS 1.2 or newer, with the CAs of Node.js. */
  readonly tls?: https.AgentOptions;
}

/** How failures below the answer are told: each kind of server has its own remedies. */
export interface HttpFailures {
  notReached(error: NodeJS.ErrnoException, doing: string): CodedError;
  /** @param fault what the answer is, e.g. `is not JSON` */
  notUnderstood(doing: string, fault: string): CodedError;
  timedOut(doing: string, timeoutMs?: number): CodedError;
  /** For a fired signal. */
  stopped(signal: AbortSignal | undefined, doing: string): CodedError;
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
  readonly #base: URL;
  readonly #agent: http.Agent;
  readonly #timeoutMs: number;
  readonly #maxAnswerBytes: number;
  readonly #failures: HttpFailures;

  /** @throws TypeError for an address that is no URL: it is checked where it enters. */
  constructor(options: OriginOptions, failures: HttpFailures) {
    const { address, tls = {}, timeoutMs = 10_000 } = options;
    this.#base = new URL(address);
    this.#timeoutMs = timeoutMs;
    this.#maxAnswerBytes = options.maxAnswerBytes ?? maxAnswerBytes;
    this.#failures = failures;
    const pool = { keepAlive: true, maxSockets: maxConnections, timeout: idleConnectionMs } as const;
    this.#agent = this.#isTls ? new https.Agent({ minVersion: 'TLSv1.2', ...pool, ...tls }) : new http.Agent(pool);
  }

  /** Scheme, host and port. */
  get address(): string {
    return this.#base.origin;
  }

  /** The same with the base path, without a final slash. */
  get url(): string {
    return `${this.#base.origin}${this.#basePath}`;
  }

  /** @throws CodedError of the failures that the constructor was given. */
  send(request: HttpRequest): Promise<HttpAnswer> {
    const { method, path, headers, body, timeoutMs = this.#timeoutMs, signal } = request;
    const doing = `${method} ${path} at ${this.address}`;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(this.#failures.stopped(signal, doing));
      const outgoing = (this.#isTls ? https : http).request({
        agent: this.#agent,
        host: this.#base.hostname.replace(/^\[|\]$/g, ''),
        port: this.#base.port,
        path: `${this.#basePath}/${path}`,
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
      const timer = setTimeout(() => fail(this.#failures.timedOut(doing, timeoutMs)), timeoutMs);
      const onAbort = () => fail(this.#failures.stopped(signal, doing));
      signal?.addEventListener('abort', onAbort, { once: true });

      outgoing.on('error', (error) => fail(this.#failures.notReached(error, doing)));
      outgoing.on('response', (answer) => {
        const chunks: Buffer[] = [];
        let sizeBytes = 0;
        answer.on('data', (chunk: Buffer) => {
          sizeBytes += chunk.length;
          if (sizeBytes > this.#maxAnswerBytes) {
            fail(this.#failures.notUnderstood(doing, `is larger than ${this.#maxAnswerBytes} bytes`));
          } else chunks.push(chunk);
        });
        answer.on('error', (error) => fail(this.#failures.notReached(error, doing)));
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

  get #isTls(): boolean {
    return this.#base.protocol === 'https:';
  }

  get #basePath(): string {
    return this.#base.pathname.replace(/\/+$/, '');
  }
}
