/**
 * The port that a KMS type fills. There are two families, as in ceph-csi: the KMS keeps the key, or it wraps the key and
 * the volume's metadata keeps the result. Deadlines, repeats, size limits and the order of steps are above the port.
 *
 * A provider throws CodedErrors. An error may carry `retryAfterMs`, the server's wish for the pause before a repeat.
 * It honours `signal` wherever it waits for something.
 */
import type { KeyLocation } from '../key-location';
import type { Secret } from '../secret';

/** Names the key of one volume or snapshot. */
export interface KeyReference {
  /** CSI volume or snapshot id. */
  readonly volumeId: string;
  /** Tenant: namespace of the claim, '' when it is not known. */
  readonly owner: string;
  /** Where the key was put, when that was kept with the volume: what a tenant configures may have changed since. */
  readonly location?: KeyLocation | undefined;
}

export interface CallContext {
  /** Secrets of the CSI request. */
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly signal?: AbortSignal;
}

/** A key as found. Who receives it zeroes it. */
export interface VersionedKey {
  readonly dek: Secret;
  /** Opaque; safe to log and to keep. The same version means the same key, where the KMS tells versions apart. */
  readonly version: string;
}

export interface StoresKeys {
  readonly family: 'stores';
  /** Undefined when there is no key, or only a deleted one. */
  fetch(ref: KeyReference, ctx: CallContext): Promise<VersionedKey | undefined>;
  /**
   * Stores the key if the present one has `expectedVersion`, or if none is present when that is undefined.
   * @throws CodedError KMS_CONFLICT
   */
  store(ref: KeyReference, dek: Secret, expectedVersion: string | undefined, ctx: CallContext): Promise<void>;
  /** No error when there is no key. */
  remove(ref: KeyReference, ctx: CallContext): Promise<void>;
  close(): Promise<void>;
}

export interface WrapsKeys {
  readonly family: 'wraps';
  /** Never gives the same text twice. */
  wrap(ref: KeyReference, dek: Secret, ctx: CallContext): Promise<string>;
  /** @throws CodedError KMS_CIPHERTEXT_INVALID when `wrapped` is damaged or belongs to another volume. */
  unwrap(ref: KeyReference, wrapped: string, ctx: CallContext): Promise<Secret>;
  close(): Promise<void>;
}

export type KmsProvider = StoresKeys | WrapsKeys;

/** Ability of a KMS whose tenants decide where their keys are. */
export interface LocatesKeys {
  locate(ref: KeyReference, ctx: CallContext): Promise<KeyLocation>;
}

export function locatesKeys(provider: KmsProvider): provider is KmsProvider & LocatesKeys {
  return 'locate' in provider;
}

/** Ability of a KMS whose KEK has versions: R2 keeps this rotation apart from that of a volume's own key. */
export interface RewrapsKeys {
  /** Makes a new version of the KEK. What older versions wrapped stays readable. */
  rotateKek(ctx: CallContext): Promise<void>;
  /** The same key wrapped with the newest version; `wrapped` itself when that is the one it was wrapped with. */
  rewrap(ref: KeyReference, wrapped: string, ctx: CallContext): Promise<string>;
}

export function rewrapsKeys(provider: KmsProvider): provider is WrapsKeys & RewrapsKeys {
  return provider.family === 'wraps' && 'rewrap' in provider;
}
