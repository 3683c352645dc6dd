export {
  type KvAccess,
  type KvVerb,
  kvAccess,
  kvVerbs,
  mergeRules,
  mountsAccess,
  type TransitAccess,
  type TransitVerb,
  tokenSelfAccess,
  transitAccess,
  transitVerbs,
} from './access';
export {
  accessorPaths,
  accessorPlaceholder,
  aliasMetadata,
  resolveAccessors,
  serviceAccountNamespace,
} from './accessor';
export { checkVaultState } from './check';
export {
  type VaultConfigOperatorManifest,
  type VaultConfigOperatorProps,
  vaultConfigOperatorManifests,
} from './config-operator';
export { diffVaultStates, type VaultChange, type VaultFieldChange, type VaultObjectKind } from './diff';
export { formatVaultState } from './format';
export { toHcl } from './hcl';
export { mergeVaultStates } from './merge';
export { type ApiServerKmsStateProps, apiServerKmsState } from './recipes/api-server-kms';
export { type CephCsiVaultProps, cephCsiVaultState } from './recipes/ceph-csi';
export { type DriverVaultProps, driverVaultState } from './recipes/driver';
export type { DriverLoginProps } from './recipes/driver-login';
export type { RecipeProps } from './recipes/grant';
export type { KvMountOptions } from './recipes/key-values';
export type { KubernetesLoginProps, TokenLoginProps } from './recipes/login';
export { type RookOsdProps, rookOsdState } from './recipes/rook-osd';
export { type TenantServiceAccountsProps, tenantServiceAccountsState } from './recipes/tenant-service-accounts';
export { type TenantTokensProps, tenantTokensState } from './recipes/tenant-tokens';
export type { TenantProps, Tenants } from './recipes/tenants';
export * from './state';
