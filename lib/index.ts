// By this name the cdk8s CLI finds the plugin in the package.
export { KeywardValidation, type KeywardValidationProps } from './rules/validation-plugin';
export {
  type CephCluster,
  type CephClusterRbd,
  type CephReadAffinity,
  decodeCephClusters,
  encodeCephClusters,
} from './schema/ceph-clusters';
export type {
  CephCsiBlockEncryption,
  CephCsiEncryption,
  CephCsiFileEncryption,
} from './schema/ceph-csi-encryption';
export { type CephCsiParameters, decodeCephCsiParameters, encodeCephCsiParameters } from './schema/ceph-csi-parameters';
export {
  decodeEncryptionConfiguration,
  type EncryptionConfiguration,
  type EncryptionEntry,
  type EncryptionProvider,
  type EncryptionProviderEntry,
  encodeEncryptionConfiguration,
  type KmsProviderEntry,
  type LocalKey,
  type LocalKeys,
} from './schema/encryption-configuration';
export { droppedProviders, type EncryptionMigration, type EncryptionStep } from './schema/encryption-phase';
export * from './schema/kms';
export { settleKmsPluginConfig } from './schema/kms-plugin';
export type * from './schema/kms-plugin-auth';
export type * from './schema/kms-plugin-config';
export { secretFile } from './schema/names';
export type {
  RbdBackendConfig,
  RbdBackendConfigProps,
  RbdCredentials,
  RbdFlattenConfig,
  RbdPool,
} from './schema/rbd-backend-config';
export type { ImageFeature } from './schema/rbd-image-features';
export {
  decodeRbdParameters,
  encodeRbdParameters,
  type RbdMapping,
  type RbdParameters,
  type SplitParameters,
} from './schema/rbd-parameters';
export {
  type CryptsetupConfig,
  decodeRuntimeConfig,
  encodeRuntimeConfig,
  type LogConfig,
  type LoopBackendConfig,
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
export type { WithDefaults } from './schema/written-type';
export * from './vault';
