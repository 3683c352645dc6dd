/** What both families of KMS offer once their difference is hidden. Filled by stored-keys.ts and wrapped-keys.ts. */
import { CodedError } from '../errors';
import type { Secret } from '../secret';
import type { CallContext, KeyReference, VersionedKey } from './provider';

/** Where a wrapped key lives: the volume's metadata. Given by who owns the metadata; unused where the KMS keeps the key. */
export interface WrappedKeyStore {
  /** Undefined when there is none. */
  read(): Promise<string | undefined>;
  /** Replaces what equals `expected`, or writes the first one when that is undefined. @throws CodedError KMS_CONFLICT */
  write(wrapped: string, expected: string | undefined): Promise<void>;
}

/** Runs one call to the provider: repeats transient errors, within the deadline that the context carries. */
export type Attempt = <T>(call: (ctx: CallContext) => Promise<T>) => Promise<T>;

/** Writes are read back before they count. Each method throws the CodedErrors of the provider and of the store. */
export interface KeyFamily {
  /** Undefined when there is no key. */
  find(ref: KeyReference, attempt: Attempt, store: WrappedKeyStore): Promise<VersionedKey | undefined>;
  /** @throws CodedError KMS_CONFLICT when another key is present by now. */
  create(ref: KeyReference, dek: Secret, attempt: Attempt, store: WrappedKeyStore): Promise<VersionedKey>;
  /** @throws CodedError KMS_CONFLICT when the present key has another version, or is another one after the write. */
  replace(ref: KeyReference, change: Change, attempt: Attempt, store: WrappedKeyStore): Promise<void>;
  remove(ref: KeyReference, attempt: Attempt): Promise<void>;
}

interface Change {
  readonly dek: Secret;
  readonly expectedVersion: string;
}

export function conflict({ volumeId }: KeyReference): CodedError {
  return new CodedError('KMS_CONFLICT', `the key of ${volumeId} at the KMS is not the expected one`, {
    remedy: 'Another caller was faster: fetch the key again and repeat the call.',
  });
}
