export type {
  CephCsiBlockEncryption,
  CephCsiEncryption,
  CephCsiFileEncryption,
} from './schema/ceph-csi-encryption';
export {
  type CephCsiParameters,
  decodeCephCsiParameters,
  encodeCephCsiParameters,
  type ImageFeature,
} from './schema/ceph-csi-parameters';
export {
  decodeEncryptionConfiguration,
  type EncryptionConfiguration,
  type EncryptionProvider,
  encodeEncryptionConfiguration,
  type KmsProviderEntry,
} from './schema/encryption-configuration';
export { droppedProviders, type EncryptionMigration, type EncryptionStep } from './schema/encryption-phase';
export * from './schema/kms';
export { type KmsPluginConfig, type KmsPluginProps, settleKmsPluginConfig } from './schema/kms-plugin';
export { secretFile } from './schema/names';
export {
  decodeRuntimeConfig,
  encodeRuntimeConfig,
  type RuntimeConfig,
  type RuntimeConfigProps,
  settleRuntimeConfig,
} from './schema/runtime-config';
// By this name the cdk8s CLI finds the plugin in the package.
export { KeywardValidation, type KeywardValidationProps } from './rules/validation-plugin';
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
export * from './vault';
