export {
  decodeKmsConfig,
  decodeKmsConfigMapData,
  decodeKmsSection,
  encodeKmsConfig,
  encodeKmsConfigMapData,
  kmsSecretSources,
  settleKms,
} from './config';
export {
  type KmsOption,
  type KmsSecretSource,
  type KmsTypeDefinition,
  type KmsTypeName,
  kmsTypeNames,
} from './definition';
export type { DeletionPolicy } from './deletion-policy';
export { environmentTypes, translateEnvironment } from './environment';
export type { MetadataKmsSettings } from './metadata';
export { type KmsProps, type KmsSettings, type KmsType, kmsTypes } from './types';
export type { VaultAuth, VaultKmsProps, VaultKmsSettings, VaultTls } from './vault';
export { decodeRookVault, encodeRookVault, type RookVaultConnection, type RookVaultKms } from './vault-rook';
