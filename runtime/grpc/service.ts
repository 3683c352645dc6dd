/**
 * Binds a service of the generated descriptors to plain async handlers. What every handler needs is here once: error code
 * to status, one log line a call, refusal while shutting down, and the count of calls that shutdown waits for.
 */
import type { DescMessage, DescMethodUnary, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type {
  MethodDefinition,
  ServerUnaryCall,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { CodedError, toCoded } from '../errors';
import type { Log } from '../log';
import { describeRequest } from './redact';
import { statusOfCode } from './status';

export interface CallOptions {
  /** Fires when the process shuts down, not when the client gives up: CSI calls are repeated, so finishing the work helps. */
  readonly signal: AbortSignal;
}

/** One async function for each unary method of the service; a method that is left out answers Unimplemented. */
export type Handlers<S extends DescService> = {
  readonly [K in keyof S['method']]?: S['method'][K] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, options: CallOptions) => Promise<MessageInitShape<O>>
    : never;
};

export interface BoundService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** Observes each finished call; `code` is 'OK' or an error code. */
export type OnCall = (rpc: string, code: string, durationMs: number) => void;

export interface ServiceDeps {
  readonly log: Log;
  readonly calls: InFlightCalls;
  readonly onCall?: OnCall;
}

/** Calls that are running; shutdown stops new ones and waits for these. */
export class InFlightCalls {
  readonly #controller = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  #closing = false;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  track<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closing) {
      throw new CodedError('SHUTTING_DOWN', 'the driver is shutting down', { remedy: 'Repeat the call.' });
    }
    const running = call().finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  /** Waits up to `graceMs` for running calls, then aborts what is left and waits for that too. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    const timer = setTimeout(() => this.#controller.abort(), graceMs);
    await Promise.allSettled(this.#running);
    clearTimeout(timer);
  }
}

export function bindService<S extends DescService>(service: S, handlers: Handlers<S>, deps: ServiceDeps): BoundService {
  const definition: Record<string, MethodDefinition<unknown, unknown>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const method of service.methods) {
    definition[method.name] = methodDefinition(service, method);
    const handler = (handlers as Record<string, Handler | undefined>)[method.localName];
    if (handler)
      implementation[method.name] = unary(
        `${service.typeName}/${method.name}`,
        method.input,
        method.output,
        handler,
        deps,
      );
  }
  return { definition, implementation };
}

type Handler = (request: never, options: CallOptions) => Promise<object>;

function unary(rpc: string, input: DescMessage, output: DescMessage, handler: Handler, deps: ServiceDeps) {
  return (call: ServerUnaryCall<MessageShape<DescMessage>, unknown>, answer: sendUnaryData<unknown>): void => {
    const startedAt = performance.now();
    deps.log.debug('request', { rpc, detail: describeRequest(input, call.request) });
    const finish = (code: string) => deps.onCall?.(rpc, code, performance.now() - startedAt);
    Promise.resolve()
      .then(() => deps.calls.track(() => handler(call.request as never, { signal: deps.calls.signal })))
      .then(
        (response) => {
          finish('OK');
          deps.log.info('call ok', { rpc, durationMs: Math.round(performance.now() - startedAt) });
          answer(null, create(output, response as never));
        },
        (thrown: unknown) => {
          const error = toCoded(thrown);
          finish(error.code);
          deps.log.warn('call failed', { rpc, error, durationMs: Math.round(performance.now() - startedAt) });
          answer({ code: statusOfCode[error.code], details: `${error.code}: ${error.summary}` });
        },
      );
  };
}

/** The client's view of the same descriptors, so that tests and tools call what the server serves. */
export function serviceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.name, methodDefinition(service, method)]));
}

function methodDefinition(
  service: DescService,
  method: DescService['methods'][number],
): MethodDefinition<unknown, unknown> {
  const write = (message: DescMessage) => (value: unknown) => Buffer.from(toBinary(message, value as never));
  const read = (message: DescMessage) => (bytes: Buffer) => fromBinary(message, bytes);
  return {
    path: `/${service.typeName}/${method.name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: write(method.input),
    requestDeserialize: read(method.input),
    responseSerialize: write(method.output),
    responseDeserialize: read(method.output),
    originalName: method.localName,
  };
}
