/**
 * The few calls of the Kubernetes API that keyward makes, over kept-alive TLS. The credentials are read again every minute
 * and when the server refuses them. Each request has one deadline over the whole exchange, and a bound on its answer.
 */
import https from 'node:https';
import { CodedError } from '../errors';
import { type Credentials, type KubernetesAccess, type KubernetesEndpoint, readCredentials } from './access';
import { notReached, notUnderstood, refused } from './errors';
import { type Answer, type Connection, type Exchange, exchange, isSuccess, StaleConnection } from './exchange';

export interface KubernetesRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** From `/api` or `/apis` on, made by {@link path}; a query may follow. */
  readonly path: string;
  readonly body?: object;
  /** Of the body. Default application/json. */
  readonly contentType?: string;
  /** Default application/json. */
  readonly accept?: string;
  /** Default 4 MiB: a Secret has 1 MiB at most, as base64 in JSON. */
  readonly maxAnswerBytes?: number;
  readonly signal?: AbortSignal;
}

export type KubernetesOptions = (KubernetesAccess | KubernetesEndpoint) & {
  /** For each request, connecting included. Default 10,000. */
  readonly timeoutMs?: number;
  /** What to do about HTTP 403. Default: what a tenant needs. */
  readonly remedyWhenForbidden?: string;
  readonly now?: () => number;
};

const credentialsAgeMs = 60_000;
const defaultAnswerBytes = 4 * 1024 * 1024;
const maxConnections = 8;
/** Lines of metrics are short; a longer one is none. */
const maxLineChars = 16_384;

interface Held extends Connection {
  readonly readAt: number;
}

export class KubernetesClient {
  readonly #options: KubernetesOptions;
  readonly #timeoutMs: number;
  readonly #now: () => number;
  #held: Held | undefined;
  #closed = false;

  constructor(options: KubernetesOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#now = options.now ?? Date.now;
  }

  get address(): string {
    return this.#options.address;
  }

  /**
   * The JSON object of the answer; undefined for 404.
   * @throws KubernetesError KMS_DENIED, KMS_THROTTLED, KMS_UNREACHABLE, KMS_TIMEOUT, KMS_TLS_UNTRUSTED, KMS_ANSWER_INVALID,
   *   CONFIG_INVALID; CodedError CONFIG_UNREADABLE (no token), ABORTED.
   */
  async request(request: KubernetesRequest): Promise<Readonly<Record<string, unknown>> | undefined> {
    const doing = doingOf(request);
    const answer = await this.#authorised({ ...this.#exchangeOf(request), doing });
    if (answer.status === 404) return undefined;
    return parse(this.#accepted(answer, doing), doing);
  }

  /**
   * Those lines of a text that are wanted, without the rest in memory: metrics of a large cluster have tens of megabytes.
   * @throws as {@link request}; 404 is an error here.
   */
  async lines(at: string, isWanted: (line: string) => boolean, signal?: AbortSignal): Promise<string[]> {
    const request = { method: 'GET', path: at, accept: 'text/plain', ...(signal && { signal }) } as const;
    const doing = doingOf(request);
    const wanted: string[] = [];
    let rest = '';
    const onChunk = (chunk: Buffer) => {
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = (lines.pop() ?? '').slice(0, maxLineChars);
      wanted.push(...lines.filter(isWanted));
    };
    const answer = await this.#authorised({ ...this.#exchangeOf(request), doing, onChunk });
    this.#accepted(answer, doing);
    if (isWanted(rest)) wanted.push(rest);
    return wanted;
  }

  close(): void {
    this.#closed = true;
    this.#held?.agent.destroy();
    zero(this.#held);
    this.#held = undefined;
  }

  #exchangeOf({ path: at, ...request }: KubernetesRequest): Omit<Exchange, 'doing'> {
    return {
      maxAnswerBytes: defaultAnswerBytes,
      ...request,
      url: `${this.#options.address}${at}`,
      timeoutMs: this.#timeoutMs,
    };
  }

  /** Bound tokens live an hour; the file holds a new one well before. */
  async #authorised(call: Exchange): Promise<Answer> {
    const answer = await send(call, await this.#credentials(false));
    return answer.status === 401 ? send(call, await this.#credentials(true)) : answer;
  }

  #accepted({ status, body, retryAfterMs }: Answer, doing: string): Buffer {
    if (isSuccess(status)) return body;
    throw refused(status, doing, { retryAfterMs, remedyWhenForbidden: this.#options.remedyWhenForbidden });
  }

  async #credentials(fresh: boolean): Promise<Held> {
    if (this.#closed) {
      throw new CodedError('SHUTTING_DOWN', 'the client of the Kubernetes API is closed', {
        remedy: 'Repeat the call.',
      });
    }
    const held = this.#held;
    if (held && !fresh && this.#now() < held.readAt + credentialsAgeMs) return held;
    const options = this.#options;
    const read = await ('readCredentials' in options ? options.readCredentials() : readCredentials(options));
    const isSame =
      held?.caPem === read.caPem && held.client?.certificatePem === read.client?.certificatePem ? held : undefined;
    this.#held = { ...read, agent: isSame?.agent ?? newAgent(read), readAt: this.#now() };
    if (held && !isSame) held.agent.destroy();
    return this.#held;
  }
}

/** A path of the API. Each part is one segment, whatever is in it. */
export function path(parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join('/')}`;
}

async function send(call: Exchange, connection: Connection): Promise<Answer> {
  try {
    return await exchange(call, connection);
  } catch (error) {
    // Nothing was answered, so ask again.
    if (!(error instanceof StaleConnection)) throw error;
    return exchange(call, connection).catch((again: unknown) => {
      throw again instanceof StaleConnection ? notReached(again.reason, call.doing) : again;
    });
  }
}

function newAgent({ caPem, client, serverName }: Credentials): https.Agent {
  return new https.Agent({
    keepAlive: true,
    maxSockets: maxConnections,
    timeout: 60_000,
    ca: caPem,
    minVersion: 'TLSv1.2',
    ...(client && { cert: client.certificatePem, key: client.key.use((bytes) => bytes.toString('latin1')) }),
    ...(serverName !== undefined && { servername: serverName }),
  });
}

function zero(held: Credentials | undefined): void {
  held?.token?.zero();
  held?.client?.key.zero();
}

function parse(body: Buffer, doing: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    // The error of JSON.parse quotes the text, which may be a Secret.
    throw notUnderstood(doing, 'is not JSON');
  } finally {
    body.fill(0);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw notUnderstood(doing, 'is not an object');
}

function doingOf({ method, path: at }: KubernetesRequest): string {
  return `${method} ${at.replace(/\?.*$/, '')}`;
}
