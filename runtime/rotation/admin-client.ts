/** The admin service of a driver on this node, as `keyward rotate` and `keyward verify` call it. */
import { create, type DescMethod, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { Client, credentials, type MethodDefinition, type ServiceError } from '@grpc/grpc-js';
import { type Code, CodedError, codes } from '../errors';
import { Admin } from '../grpc/gen/admin_pb';
import { serviceDefinition } from '../grpc/service';
import { socketPath } from '../grpc/socket';

const definitions = serviceDefinition(Admin);
/** A piece of a re-encryption, and the KMS, may take their time. */
const timeoutMs = 300_000;

export class AdminClient {
  readonly #channel: Client;

  /** Connects at the first call. @throws CodedError CONFIG_INVALID for an endpoint that is none. */
  constructor(endpoint: string) {
    this.#channel = new Client(`unix:${socketPath(endpoint)}`, credentials.createInsecure(), {
      'grpc.enable_http_proxy': 0,
      // A list of a hundred thousand volumes.
      'grpc.max_receive_message_length': 64 * 1024 * 1024,
    });
  }

  /** @throws CodedError with the code that the driver gave; ABORTED when the driver does not answer. */
  call<M extends DescMethod>(method: M, request: MessageInitShape<M['input']>): Promise<MessageShape<M['output']>> {
    const { path, requestSerialize, responseDeserialize } = definitions[method.name] as MethodDefinition<
      unknown,
      unknown
    >;
    return new Promise((resolve, reject) => {
      this.#channel.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        create(method.input, request),
        { deadline: Date.now() + timeoutMs },
        (error, answer) => (error ? reject(asCoded(error)) : resolve(answer as MessageShape<M['output']>)),
      );
    });
  }

  close(): void {
    this.#channel.close();
  }
}

/** The driver puts its code before the text, as docs/errors.md says. */
function asCoded(error: ServiceError): CodedError {
  const [, code, text] = /^([A-Z_]+): (.*)$/s.exec(error.details) ?? [];
  if (code !== undefined && text !== undefined && Object.hasOwn(codes, code)) {
    return new CodedError(code as Code, text.replace(/\.$/, ''), { remedy: 'See docs/errors.md', cause: error });
  }
  return new CodedError('ABORTED', `the driver does not answer: ${error.details}`, {
    remedy: 'Check that it runs with --admin-endpoint, and repeat the command',
    cause: error,
  });
}
