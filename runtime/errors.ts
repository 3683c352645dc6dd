/**
 * The closed set of error codes and the one error class of the runtime.
 *
 * A caller decides by `code`, never by text. `grpc/status.ts` maps each code to a gRPC status and docs/errors.md
 * explains each to an operator; both fail their test when a code is added here alone.
 */
import { types } from 'node:util';

/** Whether the same call may succeed later with nothing changed by anyone. */
interface CodeFacts {
  readonly retryable: boolean;
}

const final: CodeFacts = { retryable: false };
const transient: CodeFacts = { retryable: true };

export const codes = {
  CONFIG_INVALID: final,
  CONFIG_UNREADABLE: final,
  REQUEST_INVALID: final,
  CAPACITY_OUT_OF_RANGE: final,
  PAGE_TOKEN_INVALID: final,
  SECRET_MISSING: final,
  SOCKET_OCCUPIED: final,

  KMS_UNKNOWN: final,
  KMS_UNREACHABLE: transient,
  KMS_SEALED: transient,
  KMS_TIMEOUT: transient,
  KMS_THROTTLED: transient,
  KMS_QUEUE_FULL: transient,
  KMS_TLS_UNTRUSTED: final,
  KMS_DENIED: final,
  KMS_KEY_NOT_FOUND: final,
  KMS_CONFLICT: transient,
  KMS_CIPHERTEXT_INVALID: final,
  KMS_ANSWER_INVALID: final,

  VAULT_FOREIGN: final,
  VAULT_HOLDS_DATA: final,
  VAULT_IMMUTABLE: final,
  VAULT_UNSAFE: final,
  VAULT_LEDGER_INVALID: final,
  VAULT_BUSY: transient,

  ETCD_KEY_IDS_DIFFER: transient,
  ETCD_ROTATION_UNPROVEN: final,

  LUKS_PASSPHRASE_REJECTED: final,
  LUKS_NOT_LUKS: final,
  LUKS_HEADER_INVALID: final,
  LUKS_HEADER_FOREIGN: final,
  LUKS_HEADER_UNSAFE: final,
  LUKS_NO_USABLE_KEYSLOT: final,
  LUKS_KEYSLOT_OCCUPIED: final,
  LUKS_TOKEN_INVALID: final,
  LUKS_OUT_OF_MEMORY: transient,
  LUKS_MAPPING_CONFLICT: final,

  DEVICE_NOT_READY: transient,
  DEVICE_BUSY: transient,
  DEVICE_NOT_EMPTY: final,
  DEVICE_LOST_DATA: final,
  DEVICE_UNREADABLE: final,
  DM_CRYPT_UNAVAILABLE: final,
  STORAGE_FULL: final,

  CLUSTER_UNKNOWN: final,
  CEPH_UNREACHABLE: transient,
  CEPH_DENIED: final,
  CEPH_BLOCKLISTED: transient,
  CEPH_FAILED: final,
  POOL_NOT_FOUND: final,
  IMAGE_FOREIGN: final,
  IMAGE_UNMAPPABLE: final,
  SNAPSHOT_LIMIT: final,

  FILESYSTEM_UNKNOWN: final,
  FILESYSTEM_FOREIGN: final,
  FILESYSTEM_DAMAGED: final,
  MOUNT_CONFLICT: final,
  MOUNT_FAILED: final,

  VOLUME_NOT_FOUND: final,
  VOLUME_EXISTS: final,
  VOLUME_BUSY: transient,
  VOLUME_IN_USE: final,
  VOLUME_NOT_STAGED: final,
  VOLUME_ELSEWHERE: final,
  VOLUME_FOREIGN: final,
  RECLAIM_UNSUPPORTED: final,
  DISCARDS_OFF: final,
  SNAPSHOT_NOT_FOUND: final,
  SNAPSHOT_EXISTS: final,
  RECORD_INVALID: final,

  TOOL_MISSING: final,
  TOOL_FAILED: final,
  TOOL_TIMEOUT: transient,
  ABORTED: transient,
  SHUTTING_DOWN: transient,
  INTERNAL: final,
} as const satisfies Record<string, CodeFacts>;

export type Code = keyof typeof codes;

export interface ErrorContext {
  /** What the operator can do about it; one sentence. Required, because an error without a way out is half an error. */
  readonly remedy: string;
  /** Kept for the log, never sent over a socket. */
  readonly cause?: unknown;
}

/** Every error that leaves a folder of the runtime. Its text is safe to show: it never contains key material. */
export class CodedError extends Error {
  override readonly name = 'CodedError';
  readonly code: Code;
  readonly remedy: string;

  constructor(code: Code, message: string, context: ErrorContext) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.remedy = context.remedy;
  }

  get retryable(): boolean {
    return codes[this.code].retryable;
  }

  /** The text for people: what is wrong, then what to do. */
  get summary(): string {
    return `${this.message}. ${this.remedy}`;
  }
}

/** True for a {@link CodedError}, of one of the codes when some are given. */
export function isCoded(error: unknown, ...wanted: Code[]): error is CodedError {
  return error instanceof CodedError && (wanted.length === 0 || wanted.includes(error.code));
}

/** Turns anything that was thrown into a {@link CodedError}; what nobody foresaw becomes INTERNAL. */
export function toCoded(error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  if (isNamed(error, 'AbortError')) {
    return new CodedError('ABORTED', 'the call was cancelled', { remedy: 'Repeat the call.', cause: error });
  }
  if (isErrno(error, 'ENOSPC', 'EDQUOT')) {
    return new CodedError('STORAGE_FULL', 'the disk that holds the volumes is full', {
      remedy: 'Free space or enlarge the disk, then repeat the call: nothing was left half done.',
      cause: error,
    });
  }
  return new CodedError('INTERNAL', 'an unforeseen error occurred', {
    remedy: 'See the log of the driver for the cause and report it.',
    cause: error,
  });
}

/** By name: a DOMException may come from another realm, where `instanceof Error` says no. */
function isNamed(error: unknown, name: string): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === name;
}

/** True for a Node.js system error with one of the given errno names. */
export function isErrno(error: unknown, ...names: string[]): error is NodeJS.ErrnoException {
  // Not instanceof: Node.js makes these errors in its own realm, which is not the realm of code in a vm context (Jest).
  return types.isNativeError(error) && 'code' in error && typeof error.code === 'string' && names.includes(error.code);
}
