export * from './schema/kms';
export { secretFile } from './schema/names';
export {
  decodeRuntimeConfig,
  encodeRuntimeConfig,
  type RuntimeConfig,
  type RuntimeConfigProps,
  settleRuntimeConfig,
} from './schema/runtime-config';
export { SchemaError, type SchemaIssue } from './schema/schema-error';
export type { SecretRef } from './schema/secret-ref';
export {
  decodeVolumeParameters,
  encodeVolumeParameters,
  type LuksParameters,
  settleVolume,
  type VolumeParameters,
  type VolumeProps,
} from './schema/volume-parameters';
