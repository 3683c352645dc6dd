/** A typed client for any service of the generated descriptors: the mirror of runtime/grpc/service.ts. */
import {
  create,
  type DescMethodUnary,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { type Client, Metadata, type MethodDefinition, type ServiceError, status } from '@grpc/grpc-js';
import { serviceDefinition } from '../../runtime/grpc/service';
import { CallError } from './call-error';

/** One async function for each unary method of the service. Each throws a {@link CallError}. */
export type UnaryClient<S extends DescService> = {
  readonly [K in keyof S['method']]: S['method'][K] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>) => Promise<MessageShape<O>>
    : never;
};

/** Observes each finished call. */
export type OnCall = (call: {
  readonly rpc: string;
  readonly status: keyof typeof status;
  readonly ms: number;
}) => void;

export interface UnaryOptions {
  readonly timeoutMs: number;
  readonly onCall?: OnCall;
}

export function unaryClient<S extends DescService>(service: S, channel: Client, options: UnaryOptions): UnaryClient<S> {
  const definitions = serviceDefinition(service);
  const calls = service.methods.map((method) => {
    const definition = definitions[method.name] as MethodDefinition<unknown, unknown>;
    const rpc = `${service.name}/${method.name}`;
    return [
      method.localName,
      (request: object) => callUnary(channel, rpc, definition, create(method.input, request as never), options),
    ];
  });
  return Object.fromEntries(calls) as UnaryClient<S>;
}

function callUnary(
  channel: Client,
  rpc: string,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<unknown, unknown>,
  request: unknown,
  { timeoutMs, onCall }: UnaryOptions,
): Promise<unknown> {
  const startedAt = performance.now();
  const done = (code: status) =>
    onCall?.({ rpc, status: status[code] as keyof typeof status, ms: performance.now() - startedAt });
  return new Promise((resolve, reject) => {
    const answer = (error: ServiceError | null, response: unknown) => {
      done(error?.code ?? status.OK);
      if (error) reject(new CallError(rpc, error));
      else resolve(response);
    };
    const deadline = Date.now() + timeoutMs;
    channel.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new Metadata(),
      { deadline },
      answer,
    );
  });
}
