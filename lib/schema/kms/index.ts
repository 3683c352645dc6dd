export {
  type AwsMetadataKmsProps,
  type AwsMetadataKmsSettings,
  awsCredentialKeys,
  awsRegion,
} from './aws-metadata';
export {
  type AwsStsMetadataKmsProps,
  type AwsStsMetadataKmsSettings,
  awsStsSecretKeys,
  webIdentityTokenFile,
} from './aws-sts-metadata';
export { type AzureKvKmsProps, type AzureKvKmsSettings, azureCredentialKey } from './azure-kv';
export {
  decodeKmsConfig,
  decodeKmsConfigMapData,
  decodeKmsSection,
  encodeKmsConfig,
  encodeKmsConfigMapData,
  kmsSecretSources,
  kmsSettingsFor,
  settleKms,
} from './config';
export {
  type KmsDialect,
  type KmsOption,
  type KmsSecretSource,
  type KmsSection,
  type KmsTypeDefinition,
  type KmsTypeName,
  kmsTypeNames,
} from './definition';
export type { DeletionPolicy } from './deletion-policy';
export { environmentTypes, translateEnvironment } from './environment';
export { type KmsFeatures, kmsFeatureColumns, kmsFeatures } from './features';
export { type IbmKeyProtectKmsProps, type IbmKeyProtectKmsSettings, ibmCredentialKeys } from './ibm-key-protect';
export { type KmipKmsProps, type KmipKmsSettings, kmipCredentialKeys } from './kmip';
export { cephCsiBackend, type VersionedKv } from './kv-version';
export type { MetadataKmsSettings } from './metadata';
export {
  decodeRookKms,
  encodeRookKms,
  type RookConnection,
  type RookKmsBlock,
  type RookKv,
  type RookVault,
  type RookVaultSecrets,
  type RookVaultTls,
} from './rook';
export type { RookObjectStoreUse, RookObjectStoreVault } from './rook-object-store';
export type { RookAzureKv, RookIbmKeyProtect, RookKmip, RookService } from './rook-services';
export { configNameFor, tlsKeys } from './tenant-overrides';
export type {
  TenantOverrideMode,
  TenantOverrides,
  TenantVaultProps,
  TenantVaultSettings,
  TenantVaultTls,
} from './tenant-vault-settings';
export { type KmsProps, type KmsSettings, type KmsType, kmsTypes } from './types';
export type { VaultAuth, VaultKmsProps, VaultKmsSettings, VaultTls } from './vault';
export { decodeRookVault, encodeRookVault, type RookVaultConnection, type RookVaultKms } from './vault-rook';
export type { VaultTenantSaKmsProps, VaultTenantSaKmsSettings } from './vault-tenant-sa';
export { tenantTokenKey, type VaultTokensKmsProps, type VaultTokensKmsSettings } from './vault-tokens';
export type { VaultConnectionSettings, VaultTransitKmsProps, VaultTransitKmsSettings } from './vault-transit';
