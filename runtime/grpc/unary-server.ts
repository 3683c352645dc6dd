/**
 * A gRPC server for unary calls only, on node:http2. For services that are called thousands of times a second: it does a
 * call with half of the CPU time that @grpc/grpc-js takes (docs/decisions/0013). Everything it holds is bounded: the
 * connections, the streams of each, the size of a message, and how long a client may take to send one.
 */

import http2 from 'node:http2';
import { performance } from 'node:perf_hooks';
import type { DescMethodUnary, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { CodedError, toCoded } from '../errors';
import type { OnCall } from './service';
import { statusOfCode } from './status';
import { encodeStatusMessage, readFrame, readTimeout, writeFrame } from './unary-wire';

/** What a handler may know of its call. */
export interface UnaryCall {
  /** When the client gives up, on the clock of `performance.now()`; Infinity when it did not say. */
  readonly deadlineAt: number;
  /** True when nobody waits for the answer any more. */
  isGone(): boolean;
}

/** One async function for each method of the service. */
export type UnaryHandlers<S extends DescService> = {
  readonly [K in keyof S['method']]: S['method'][K] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, call: UnaryCall) => Promise<MessageInitShape<O>>
    : never;
};

export interface UnaryMethod {
  readonly rpc: string;
  readonly input: DescMessage;
  readonly output: DescMessage;
  readonly handler: (request: never, call: UnaryCall) => Promise<object>;
}

export interface UnaryServerOptions {
  /** Observes each finished call. */
  readonly onCall?: OnCall;
  /** Told of each failed call, with the cause that stays out of the answer. */
  readonly onFailure?: (rpc: string, error: CodedError) => void;
  /** Default 64 KiB. */
  readonly maxMessageBytes?: number;
  /** How long a client may take to send its request. Default 10,000. */
  readonly bodyTimeoutMs?: number;
}

const maxConnections = 128;
const maxStreamsPerConnection = 4_096;
/** Node.js counts what a connection holds in MB, and refuses its streams above that. */
const maxConnectionMemoryMb = 64;

/** The methods of a service by their path. */
export function unaryMethods<S extends DescService>(
  service: S,
  handlers: UnaryHandlers<S>,
): ReadonlyMap<string, UnaryMethod> {
  return new Map(
    service.methods.map((method) => {
      const rpc = `${service.typeName}/${method.name}`;
      const handler = (handlers as Record<string, UnaryMethod['handler']>)[method.localName] as UnaryMethod['handler'];
      return [`/${rpc}`, { rpc, input: method.input, output: method.output, handler }];
    }),
  );
}

export class UnaryServer {
  readonly #methods: ReadonlyMap<string, UnaryMethod>;
  readonly #options: UnaryServerOptions;
  readonly #maxMessageBytes: number;
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  /** Streams whose request has not fully arrived, with the time after which they are refused. */
  readonly #sending = new Map<http2.ServerHttp2Stream, number>();
  readonly #sweep: NodeJS.Timeout;
  readonly http = http2.createServer({
    maxSessionMemory: maxConnectionMemoryMb,
    settings: { maxConcurrentStreams: maxStreamsPerConnection, maxHeaderListSize: 16 * 1024, enablePush: false },
  });
  #running = 0;
  #closing = false;
  #onIdle: (() => void) | undefined;

  constructor(methods: ReadonlyMap<string, UnaryMethod>, options: UnaryServerOptions = {}) {
    this.#methods = methods;
    this.#options = options;
    this.#maxMessageBytes = options.maxMessageBytes ?? 64 * 1024;
    this.http.maxConnections = maxConnections;
    this.http.on('session', (session) => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
      session.on('error', () => session.destroy());
    });
    this.http.on('stream', (stream, headers) => this.#accept(stream, headers));
    const { bodyTimeoutMs = 10_000 } = options;
    // One timer for all: a timer a call would cost more than the rest of its book-keeping.
    this.#sweep = setInterval(() => this.#refuseLate(), bodyTimeoutMs / 4).unref();
  }

  /** Refuses new calls, lets the running ones end for up to `graceMs`, then ends every connection. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    clearInterval(this.#sweep);
    const closed = new Promise<void>((resolve) => this.http.close(() => resolve()));
    if (this.#running > 0) await this.#idleWithin(graceMs);
    for (const session of this.#sessions) session.close();
    // A client that keeps its side open must not keep the process.
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, 500);
    await closed;
    clearTimeout(timer);
  }

  #idleWithin(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #accept(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
    // A stream that the client resets; there is nobody to tell.
    stream.on('error', () => undefined);
    if (!headers['content-type']?.startsWith('application/grpc')) {
      stream.respond({ ':status': 415 }, { endStream: true });
      return;
    }
    const method = this.#methods.get(headers[':path'] ?? '');
    if (!method) refuse(stream, status.UNIMPLEMENTED, 'this service or method is not served here');
    else if (this.#closing) this.#fail(stream, method.rpc, shuttingDown());
    else this.#receive(stream, headers, method);
  }

  #receive(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, method: UnaryMethod): void {
    const startedAt = performance.now();
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    this.#sending.set(stream, startedAt + (this.#options.bodyTimeoutMs ?? 10_000));
    stream.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes <= this.#maxMessageBytes) chunks.push(chunk);
      else if (this.#sending.delete(stream)) this.#fail(stream, method.rpc, tooLarge(this.#maxMessageBytes));
    });
    stream.on('close', () => this.#sending.delete(stream));
    stream.on('end', () => {
      // Not there when the stream was refused before. The end of a stream that the client reset is no end of a request.
      if (!this.#sending.delete(stream) || stream.aborted || stream.destroyed) return;
      const timeoutMs = readTimeout(headers['grpc-timeout']);
      const deadlineAt = timeoutMs === undefined ? Number.POSITIVE_INFINITY : startedAt + timeoutMs;
      const call = { deadlineAt, isGone: () => stream.destroyed };
      const [only] = chunks;
      void this.#answer(stream, method, chunks.length === 1 && only ? only : Buffer.concat(chunks), call, startedAt);
    });
  }

  async #answer(
    stream: http2.ServerHttp2Stream,
    { rpc, input, output, handler }: UnaryMethod,
    body: Buffer,
    call: UnaryCall,
    startedAt: number,
  ): Promise<void> {
    this.#running += 1;
    try {
      const response = await handler(decode(input, body) as never, call);
      this.#options.onCall?.(rpc, 'OK', performance.now() - startedAt);
      succeed(stream, writeFrame(toBinary(output, create(output, response as never))));
    } catch (thrown) {
      const error = toCoded(thrown);
      this.#options.onCall?.(rpc, error.code, performance.now() - startedAt);
      this.#fail(stream, rpc, error);
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#onIdle?.();
    }
  }

  #fail(stream: http2.ServerHttp2Stream, rpc: string, error: CodedError): void {
    this.#options.onFailure?.(rpc, error);
    refuse(stream, statusOfCode[error.code], `${error.code}: ${error.summary}`);
  }

  #refuseLate(): void {
    const now = performance.now();
    for (const [stream, until] of this.#sending) {
      if (now < until) return;
      this.#sending.delete(stream);
      refuse(stream, status.DEADLINE_EXCEEDED, 'the request did not arrive in time');
    }
  }
}

function decode(schema: DescMessage, body: Buffer): unknown {
  const message = readFrame(body);
  try {
    return fromBinary(schema, message);
  } catch {
    // The error of the parser may quote what it read.
    throw new CodedError('REQUEST_INVALID', `the request is not a ${schema.typeName}`, {
      remedy: 'Call with the .proto of the Kubernetes KMS API.',
    });
  }
}

const success = { ':status': 200, 'content-type': 'application/grpc+proto' } as const;

function succeed(stream: http2.ServerHttp2Stream, frame: Buffer): void {
  if (stream.destroyed) return;
  stream.respond(success, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(frame);
}

function refuse(stream: http2.ServerHttp2Stream, code: status, text: string): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond(
    { ...success, 'grpc-status': String(code), 'grpc-message': encodeStatusMessage(text.slice(0, 2_000)) },
    { endStream: true },
  );
  // Whatever the client still sends is of no use; without this its stream would stay half open.
  if (!stream.readableEnded) stream.close(http2.constants.NGHTTP2_NO_ERROR);
}

function shuttingDown(): CodedError {
  return new CodedError('SHUTTING_DOWN', 'the plugin is shutting down', { remedy: 'Repeat the call.' });
}

function tooLarge(maxBytes: number): CodedError {
  return new CodedError('REQUEST_INVALID', `the request is larger than ${maxBytes} bytes`, {
    remedy: 'A KMS wraps keys: send what is to be wrapped, not the data that the key is for.',
  });
}
