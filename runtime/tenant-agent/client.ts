/** The port as the process that serves CSI fills it: one unix socket to the tenant agent. */
import { create, type DescMethod, type MessageShape } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type MethodDefinition, type ServiceError, status } from '@grpc/grpc-js';
import { type Code, CodedError, codes } from '../errors';
import { TenantAgent } from '../grpc/gen/tenant_agent_pb';
import { serviceDefinition } from '../grpc/service';
import { socketPath } from '../grpc/socket';
import type { ReadOptions, SecretName, TenantDirectory } from '../kms/tenant-directory';
import { Secret } from '../secret';

export interface TenantAgentClientOptions {
  /** `unix:///…`. */
  readonly endpoint: string;
  /** For each call. Default 15,000. */
  readonly timeoutMs?: number;
}

const definitions = serviceDefinition(TenantAgent);
const { getSecret, getConfigMap, createToken } = TenantAgent.method;

export class TenantAgentClient implements TenantDirectory {
  readonly #channel: Client;
  readonly #timeoutMs: number;

  /** Connects at the first call. @throws CodedError CONFIG_INVALID for an endpoint that is none. */
  constructor({ endpoint, timeoutMs = 15_000 }: TenantAgentClientOptions) {
    this.#timeoutMs = timeoutMs;
    this.#channel = new Client(`unix:${socketPath(endpoint)}`, credentials.createInsecure(), {
      // The agent restarts in seconds; gRPC would wait for minutes.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
      'grpc.enable_http_proxy': 0,
    });
  }

  async secret({ namespace, name, key, orOfDriver = false }: SecretName, options: ReadOptions = {}) {
    const { fresh = false } = options;
    const { found, value } = await this.#call(getSecret, { namespace, name, key, orOfDriver, fresh }, options);
    return found ? Secret.take(value) : undefined;
  }

  async configMap({ namespace, name }: Omit<SecretName, 'key' | 'orOfDriver'>, options: ReadOptions = {}) {
    const { fresh = false } = options;
    const { found, data } = await this.#call(getConfigMap, { namespace, name, fresh }, options);
    return found ? data : undefined;
  }

  async serviceAccountToken(
    { namespace, name, audience = '' }: { namespace: string; name: string; audience?: string },
    options: ReadOptions = {},
  ) {
    const { found, token } = await this.#call(createToken, { namespace, serviceAccount: name, audience }, options);
    return found ? Secret.take(token) : undefined;
  }

  close(): void {
    this.#channel.close();
  }

  #call<M extends DescMethod>(method: M, request: object, { signal }: ReadOptions): Promise<MessageShape<M['output']>> {
    const { path, requestSerialize, responseDeserialize } = definitions[method.name] as MethodDefinition<
      unknown,
      unknown
    >;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(cancelled());
      const onAbort = () => call.cancel();
      const call = this.#channel.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        create(method.input, request as never),
        new Metadata(),
        { deadline: Date.now() + this.#timeoutMs },
        (error: ServiceError | null, response: unknown) => {
          signal?.removeEventListener('abort', onAbort);
          if (error) reject(signal?.aborted ? cancelled() : explained(error, this.#timeoutMs));
          else resolve(response as MessageShape<M['output']>);
        },
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}

/** The agent's own codes come through; everything else is trouble on the way to it. */
function explained({ code, details }: ServiceError, timeoutMs: number): CodedError {
  const [, own, text] = /^([A-Z_]+): ([\s\S]+)$/.exec(details) ?? [];
  if (own !== undefined && text !== undefined && Object.hasOwn(codes, own)) {
    return new CodedError(own as Code, `the tenant agent says: ${text.replace(/\.$/, '')}`, {
      remedy: 'See the log of the tenant agent for more.',
    });
  }
  if (code === status.DEADLINE_EXCEEDED) {
    return new CodedError('KMS_TIMEOUT', `the tenant agent did not answer within ${timeoutMs} ms`, {
      remedy: 'Repeat the call; if it happens again look at the load of the node and of the API server.',
    });
  }
  return new CodedError('KMS_UNREACHABLE', `the tenant agent cannot be reached (${status[code]})`, {
    remedy: 'See that the container tenant-agent runs, and that both share the folder of its socket.',
  });
}

function cancelled(): CodedError {
  return new CodedError('ABORTED', 'the call was cancelled', { remedy: 'Repeat the call.' });
}
