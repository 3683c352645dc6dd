export { ApiServerKms, type ApiServerKmsArgs, type ApiServerKmsVault } from './components/api-server-kms';
export {
  EncryptedStorage,
  type EncryptedStorageArgs,
  type EncryptedStorageVault,
} from './components/encrypted-storage';
export { RookKms, type RookKmsArgs, type RookKmsVault } from './components/rook-kms';
export { TenantKms, type TenantKmsArgs, type TenantKmsVault } from './components/tenant-kms';
export type { Reviewer, VaultLogin, VaultSideArgs } from './components/vault-side';
export { VaultState, type VaultStateArgs } from './components/vault-state';
export type { ClassSecrets, PlacedSecretRef, SecretOperation } from './constructs/class-secrets';
export type { LoopBackend, RbdBackend, RbdBackendCredentials } from './constructs/driver-backend';
export type { EncryptedStorageClassOptions, EncryptedStorageProps } from './constructs/encrypted-storage';
export type { EncryptedClassProps } from './constructs/encrypted-storage-class';
export type { DriverImages } from './constructs/images';
export type { KeywardDriverOptions } from './constructs/keyward-driver';
export {
  type RbdCluster,
  type RbdClusters,
  type RbdClustersConfigMap,
  rookRbdSecrets,
} from './constructs/rbd-clusters';
