/**
 * Requests to one origin over kept-alive connections, as http/origin.ts does them, without node:http: for callers that send
 * hundreds of requests a second one after the other. A request takes about a third of the CPU time (docs/decisions/0013).
 * It knows what Vault needs of HTTP/1.1 and nothing more: no proxies, no redirects, no compression, no upgrades.
 */
import net from 'node:net';
import tls from 'node:tls';
import { CodedError } from '../errors';
import { type HttpAnswer, type HttpRequest, maxAnswerBytes } from '../http/origin';
import { notReached, notUnderstood, stopped, timedOut } from './errors';
import { type OriginOptions, parseAddress } from './http';
import { type Answer, AnswerFault, AnswerReader } from './http1-answer';
import { secureOptions } from './tls';

/** Below the idle time after which Go servers close, so that a request seldom meets a connection that is closing. */
const maxIdleMs = 50_000;
const maxIdle = 8;

interface Idle {
  readonly socket: net.Socket;
  /** Listens while nothing is asked. */
  readonly drop: () => void;
  readonly since: number;
}

export class LeanOrigin {
  readonly address: string;
  readonly #base: URL;
  readonly #host: string;
  readonly #timeoutMs: number;
  readonly #connect: () => net.Socket;
  /** The one used last at the end. */
  #idle: Idle[] = [];
  readonly #open = new Set<net.Socket>();

  /** @throws CodedError CONFIG_INVALID for an address that is no http(s) URL, or an unusable CA. */
  constructor({ address, tls: trust = { verify: true }, timeoutMs = 10_000 }: OriginOptions) {
    this.#base = parseAddress(address);
    this.address = this.#base.origin;
    this.#host = this.#base.host;
    this.#timeoutMs = timeoutMs;
    const isTls = this.#base.protocol === 'https:';
    const host = this.#base.hostname.replace(/^\[|\]$/g, '');
    const port = Number(this.#base.port) || (isTls ? 443 : 80);
    const secure = isTls ? secureOptions(trust) : undefined;
    // An IP address may not stand in SNI (RFC 6066).
    const servername = secure?.servername ?? (net.isIP(host) === 0 ? host : undefined);
    this.#connect = () =>
      secure
        ? tls.connect({
            ...secure,
            host,
            port,
            ...(servername !== undefined && { servername }),
            ALPNProtocols: ['http/1.1'],
          })
        : net.connect({ host, port });
  }

  /** @throws what the origin of http.ts throws. */
  send(request: HttpRequest): Promise<HttpAnswer> {
    const { method, path, timeoutMs = this.#timeoutMs, signal } = request;
    const doing = `${method} ${path} at ${this.address}`;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(stopped(signal, doing));
      const text = this.#format(request);
      const socket = this.#take();
      const reader = new AnswerReader(maxAnswerBytes);
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        socket.off('error', onError).off('data', onData).off('close', onClose);
      };
      const fail = (error: CodedError) => {
        settle();
        this.#drop(socket);
        reject(error);
      };
      const succeed = (answer: Answer) => {
        settle();
        if (answer.isKeptAlive) this.#keep(socket);
        else this.#drop(socket);
        resolve(answer);
      };
      const read = (next: () => Answer | undefined, otherwise: () => void) => {
        try {
          const answer = next();
          if (answer) succeed(answer);
          else otherwise();
        } catch (error) {
          fail(notUnderstood(doing, error instanceof AnswerFault ? error.message : 'cannot be read'));
        }
      };
      const timer = setTimeout(() => fail(timedOut(doing, timeoutMs)), timeoutMs);
      const onAbort = () => fail(stopped(signal, doing));
      const onError = (error: Error) => fail(notReached(error, doing));
      const onData = (chunk: Buffer) =>
        read(
          () => reader.feed(chunk),
          () => undefined,
        );
      const onClose = () =>
        read(
          () => reader.end(),
          () => fail(notReached(cutOff(), doing)),
        );
      signal?.addEventListener('abort', onAbort, { once: true });
      socket.on('error', onError).on('data', onData).on('close', onClose);
      socket.write(text);
    });
  }

  /** Ends all connections, also those in use. */
  close(): void {
    for (const socket of this.#open) socket.destroy();
    this.#idle = [];
  }

  #format({ method, path, headers, body = '' }: HttpRequest): string {
    const prefix = this.#base.pathname.replace(/\/+$/, '');
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    const head = [`${method} ${prefix}/${path} HTTP/1.1`, `Host: ${this.#host}`, ...lines];
    // A line break in a header would begin another one; a token from a file could hold anything.
    if (head.some((line) => !/^[\x20-\x7e]*$/.test(line))) throw unfit();
    const needsLength = body !== '' || method === 'POST' || method === 'PUT';
    const length = needsLength ? `Content-Length: ${Buffer.byteLength(body)}\r\n` : '';
    return `${head.join('\r\n')}\r\n${length}\r\n${body}`;
  }

  #take(): net.Socket {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      const { socket, drop, since } = idle;
      socket.off('data', drop).off('end', drop);
      if (!socket.destroyed && performance.now() - since < maxIdleMs) return socket;
      this.#drop(socket);
    }
    const socket = this.#connect();
    socket.setNoDelay(true);
    // An error between two requests, or after one that was given up, must not end the process.
    socket.on('error', () => undefined);
    this.#open.add(socket);
    return socket;
  }

  #keep(socket: net.Socket): void {
    if (this.#idle.length >= maxIdle || !this.#open.has(socket)) {
      this.#drop(socket);
      return;
    }
    // Whatever comes while nothing is asked ends the connection; its place in the list is cleared when it is taken.
    const drop = () => this.#drop(socket);
    socket.on('data', drop).on('end', drop);
    this.#idle.push({ socket, drop, since: performance.now() });
  }

  #drop(socket: net.Socket): void {
    this.#open.delete(socket);
    socket.destroy();
  }
}

function cutOff(): NodeJS.ErrnoException {
  return Object.assign(new Error('the connection was closed before the answer was complete'), { code: 'ECONNRESET' });
}

function unfit(): CodedError {
  return new CodedError('CONFIG_INVALID', 'a token or a path for Vault has a character that HTTP cannot carry', {
    remedy: 'Check the file or variable of the token for line breaks and other bytes that do not belong to it.',
  });
}
