// The one table of KMS types that keyward runs. KmsSettings, KmsProps and every reader follow from it.
import type { KmsTypeName } from './definition';
import { metadataKms } from './metadata';
import { vaultKms } from './vault';

/** The types with settings. A type of `kmsTypeNames` that is not here is known by name and refused with its own message. */
export const kmsTypes = {
  metadata: metadataKms,
  vault: vaultKms,
} satisfies Partial<Record<KmsTypeName, unknown>>;

/** A KMS type that keyward runs. */
export type KmsType = keyof typeof kmsTypes;

/** Settings of any KMS type, discriminated by `type`. */
export type KmsSettings = ReturnType<(typeof kmsTypes)[KmsType]['settle']>;

/** A KMS as a declaration writes it, discriminated by `type`. */
export type KmsProps = Parameters<(typeof kmsTypes)[KmsType]['settle']>[0];
