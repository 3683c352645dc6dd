/**
 * The few calls of the Kubernetes API that keyward makes, over kept-alive TLS. Token and CA are read again every minute
 * and when the server refuses the token. Each request has one deadline over the whole exchange, and a bound on its answer.
 */
import https from 'node:https';
import { CodedError } from '../errors';
import { type Credentials, type KubernetesAccess, readCredentials } from './access';
import { notReached, notUnderstood, refused, timedOut } from './errors';

export interface KubernetesRequest {
  readonly method: 'GET' | 'POST';
  /** From `/api` or `/apis` on, made by {@link path}. */
  readonly path: string;
  readonly body?: object;
  readonly signal?: AbortSignal;
}

export interface KubernetesOptions extends KubernetesAccess {
  /** For each request, connecting included. Default 10,000. */
  readonly timeoutMs?: number;
  readonly now?: () => number;
}

const credentialsAgeMs = 60_000;
/** A Secret has 1 MiB at most, as base64 in JSON. */
const maxAnswerBytes = 4 * 1024 * 1024;
const maxConnections = 8;

interface Held extends Credentials {
  readonly agent: https.Agent;
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

  /**
   * The JSON object of the answer; undefined for 404.
   * @throws KubernetesError KMS_DENIED, KMS_THROTTLED, KMS_UNREACHABLE, KMS_TIMEOUT, KMS_TLS_UNTRUSTED, KMS_ANSWER_INVALID,
   *   CONFIG_INVALID; CodedError CONFIG_UNREADABLE (no token), ABORTED.
   */
  async request(request: KubernetesRequest): Promise<Readonly<Record<string, unknown>> | undefined> {
    const answer = await this.#send(request, await this.#credentials(false));
    if (answer.status !== 401) return read(answer, doingOf(request));
    // Bound tokens live an hour; the file holds a new one well before.
    return read(await this.#send(request, await this.#credentials(true)), doingOf(request));
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  async #credentials(fresh: boolean): Promise<Held> {
    if (this.#closed)
      throw new CodedError('SHUTTING_DOWN', 'the agent is shutting down', { remedy: 'Repeat the call.' });
    const held = this.#held;
    if (held && !fresh && this.#now() < held.readAt + credentialsAgeMs) return held;
    const read = await readCredentials(this.#options);
    const isSameCa = held?.caPem === read.caPem;
    const agent = isSameCa ? held.agent : this.#newAgent(read.caPem);
    this.#held = { ...read, agent, readAt: this.#now() };
    if (held && !isSameCa) held.agent.destroy();
    return this.#held;
  }

  #newAgent(ca: string): https.Agent {
    return new https.Agent({ keepAlive: true, maxSockets: maxConnections, timeout: 60_000, ca, minVersion: 'TLSv1.2' });
  }

  #drop(): void {
    this.#held?.agent.destroy();
    this.#held?.token.zero();
    this.#held = undefined;
  }

  async #send(request: KubernetesRequest, held: Held): Promise<Answer> {
    const call = { ...request, url: `${this.#options.address}${request.path}`, timeoutMs: this.#timeoutMs };
    try {
      return await exchange(call, held);
    } catch (error) {
      // The server closed a kept-alive connection while the request was on its way: nothing was answered, so ask again.
      if (!(error instanceof StaleConnection)) throw error;
      return exchange(call, held).catch((again: unknown) => {
        throw again instanceof StaleConnection ? notReached(again.reason, doingOf(request)) : again;
      });
    }
  }
}

/** A path of the API. Each part is one segment, whatever is in it. */
export function path(parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join('/')}`;
}

interface Answer {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  readonly body: Buffer;
}

class StaleConnection extends Error {
  readonly reason: NodeJS.ErrnoException;

  constructor(reason: NodeJS.ErrnoException) {
    super('a kept-alive connection was closed');
    this.reason = reason;
  }
}

interface Exchange extends KubernetesRequest {
  readonly url: string;
  readonly timeoutMs: number;
}

function exchange(call: Exchange, { agent, token }: Held): Promise<Answer> {
  const { method, url, body, signal, timeoutMs } = call;
  const doing = doingOf(call);
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted(doing));
    const outgoing = https.request(url, {
      agent,
      method,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token.use((bytes) => bytes.toString('latin1'))}`,
        ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      },
    });
    const settle = (act: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      act();
    };
    const fail = (error: Error) => {
      settle(() => reject(error));
      outgoing.destroy();
    };
    const timer = setTimeout(() => fail(timedOut(doing, timeoutMs)), timeoutMs);
    const onAbort = () => fail(aborted(doing));
    signal?.addEventListener('abort', onAbort, { once: true });
    outgoing.on('error', (error: NodeJS.ErrnoException) =>
      fail(outgoing.reusedSocket && isReset(error) ? new StaleConnection(error) : notReached(error, doing)),
    );
    outgoing.on('response', (answer) => {
      const chunks: Buffer[] = [];
      let sizeBytes = 0;
      answer.on('data', (chunk: Buffer) => {
        sizeBytes += chunk.length;
        if (sizeBytes > maxAnswerBytes) fail(notUnderstood(doing, `is larger than ${maxAnswerBytes} bytes`));
        else chunks.push(chunk);
      });
      answer.on('error', (error) => fail(notReached(error, doing)));
      answer.on('end', () => {
        const seconds = answer.headers['retry-after'];
        const retryAfterMs = seconds !== undefined && /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : undefined;
        settle(() => resolve({ status: answer.statusCode ?? 0, retryAfterMs, body: Buffer.concat(chunks) }));
      });
    });
    outgoing.end(text);
  });
}

function isReset({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ECONNRESET' || code === 'EPIPE';
}

function read({ status, body, retryAfterMs }: Answer, doing: string): Readonly<Record<string, unknown>> | undefined {
  if (status === 404) return undefined;
  if (status < 200 || status > 299) throw refused(status, doing, retryAfterMs);
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
  return `${method} ${at}`;
}

function aborted(doing: string): CodedError {
  return new CodedError('ABORTED', `the call was cancelled (${doing})`, { remedy: 'Repeat the call.' });
}
