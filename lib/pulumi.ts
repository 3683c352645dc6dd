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
export * from './constructs/storage-props';
