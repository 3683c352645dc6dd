/** One HTTPS request to an API server and its answer, with one deadline over the whole and a bound on what is received. */
import https from 'node:https';
import { CodedError } from '../errors';
import type { Credentials } from './access';
import { notReached, notUnderstood, timedOut } from './errors';

export interface Exchange {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly url: string;
  readonly body?: object;
  /** @default application/json */
  readonly contentType?: string;
  /** @default application/json */
  readonly accept?: string;
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
  /** Takes the body of a success piece by piece; it is then not kept, and not bounded by `maxAnswerBytes`. */
  readonly onChunk?: (chunk: Buffer) => void;
  /** For messages: holds names only. */
  readonly doing: string;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  readonly body: Buffer;
}

export interface Connection extends Credentials {
  readonly agent: https.Agent;
}

/** The server closed a kept-alive connection while the request was on its way: nothing was answered. */
export class StaleConnection extends Error {
  readonly reason: NodeJS.ErrnoException;

  constructor(reason: NodeJS.ErrnoException) {
    super('a kept-alive connection was closed');
    this.reason = reason;
  }
}

/** Any status is an answer. @throws KubernetesError KMS_UNREACHABLE, KMS_TIMEOUT, KMS_TLS_UNTRUSTED, KMS_ANSWER_INVALID;
 *   CodedError ABORTED; StaleConnection. */
export function exchange(call: Exchange, { agent, token }: Connection): Promise<Answer> {
  const { method, url, body, signal, timeoutMs, doing } = call;
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted(doing));
    const outgoing = https.request(url, {
      agent,
      method,
      headers: {
        accept: call.accept ?? 'application/json',
        ...(token && { authorization: `Bearer ${token.use((bytes) => bytes.toString('latin1'))}` }),
        ...(text !== undefined && {
          'content-type': call.contentType ?? 'application/json',
          'content-length': Buffer.byteLength(text),
        }),
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
      const status = answer.statusCode ?? 0;
      const onChunk = isSuccess(status) ? call.onChunk : undefined;
      const chunks: Buffer[] = [];
      let sizeBytes = 0;
      answer.on('data', (chunk: Buffer) => {
        if (onChunk) return onChunk(chunk);
        sizeBytes += chunk.length;
        if (sizeBytes > call.maxAnswerBytes) {
          fail(notUnderstood(doing, `is larger than ${call.maxAnswerBytes} bytes`));
        } else chunks.push(chunk);
      });
      answer.on('error', (error) => fail(notReached(error, doing)));
      answer.on('end', () => {
        const seconds = answer.headers['retry-after'];
        const retryAfterMs = seconds !== undefined && /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : undefined;
        settle(() => resolve({ status, retryAfterMs, body: Buffer.concat(chunks) }));
      });
    });
    outgoing.end(text);
  });
}

export function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299;
}

function isReset({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ECONNRESET' || code === 'EPIPE';
}

function aborted(doing: string): CodedError {
  return new CodedError('ABORTED', `the call was cancelled (${doing})`, { remedy: 'Repeat the call.' });
}
