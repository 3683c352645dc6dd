import { type ServiceError, status } from '@grpc/grpc-js';
import { type Code, codes } from '../../runtime/errors';

/** A call that failed: the gRPC status, and keyward's own code, which the driver puts before the details. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly status: keyof typeof status;
  /** Undefined when the answer is not the driver's, for example because the connection broke. */
  readonly code: Code | undefined;
  readonly details: string;

  constructor(
    readonly rpc: string,
    cause: ServiceError,
  ) {
    super(`${rpc}: ${status[cause.code]}: ${cause.details}`, { cause });
    this.status = status[cause.code] as keyof typeof status;
    this.details = cause.details;
    this.code = codeOf(cause.details);
  }
}

function codeOf(details: string): Code | undefined {
  const prefix = /^([A-Z_]+): /.exec(details)?.[1] ?? '';
  return Object.hasOwn(codes, prefix) ? (prefix as Code) : undefined;
}
