export type { ApiServerAccess } from './constructs/api-server/api-server-access';
export { ApiServerEncryption } from './constructs/api-server/api-server-encryption';
export type {
  ApiServerEncryptionOptions,
  ApiServerEncryptionProps,
} from './constructs/api-server/api-server-encryption-props';
export type { Distribution } from './constructs/api-server/distribution';
export type { DistributionSettings } from './constructs/api-server/distribution-settings';
export { type K3sConfig, type K3sServiceProps, k3sConfig, k3sService } from './constructs/api-server/k3s';
export {
  type KubeadmClusterConfiguration,
  type KubeadmVolume,
  kubeadmConfiguration,
} from './constructs/api-server/kubeadm';
export type { KmsApiVersion } from './constructs/api-server/kubernetes-version';
export { type NodeFile, NodeFiles, type NodeFilesProps } from './constructs/api-server/node-file';
export type { KmsPluginImplementation } from './constructs/api-server/plugin-command';
export type { KmsPluginOptions } from './constructs/api-server/plugin-plan';
export type { KmsPluginRisk } from './constructs/api-server/plugin-refusals';
export { type Rke2Config, rke2Config } from './constructs/api-server/rke2';
export { KmsPluginStaticPod, type KmsPluginStaticPodProps } from './constructs/api-server/static-pod';
export {
  type TalosEncryptionDocument,
  type TalosMachinePatch,
  type TalosPatch,
  type TalosPatchProps,
  talosPatch,
} from './constructs/api-server/talos';
export type {
  CephCsiClassSecrets,
  CephCsiSecretOperation,
} from './constructs/ceph-csi/class-secrets';
export { CephCsiDisruptionBudget, type CephCsiDisruptionBudgetProps } from './constructs/ceph-csi/disruption-budget';
export {
  type CephCsiClassOptions,
  CephCsiEncryptedStorage,
  type CephCsiEncryptedStorageProps,
} from './constructs/ceph-csi/encrypted-storage';
export { type CephCsiDeployment, CephCsiKmsConfig, type CephCsiKmsConfigProps } from './constructs/ceph-csi/kms-config';
export {
  type AccessedTenant,
  CephCsiSecretAccess,
  type CephCsiSecretAccessProps,
} from './constructs/ceph-csi/secret-access';
export { CephCsiSnapshotClass, type CephCsiSnapshotClassProps } from './constructs/ceph-csi/snapshot-class';
export { CephCsiStorageClass, type CephCsiStorageClassProps } from './constructs/ceph-csi/storage-class';
export { CephCsiTenant, type CephCsiTenantOverrides, type CephCsiTenantProps } from './constructs/ceph-csi/tenant';
export type { ContentHashedNameProps } from './constructs/content-hash';
export {
  type KeyRotationSchedule,
  keyRotationAnnotations,
  type NamespaceKeyRotationSchedule,
  namespaceKeyRotationAnnotations,
} from './constructs/csi-addons/annotations';
export { CsiAddonsConfig, type CsiAddonsConfigProps } from './constructs/csi-addons/config';
export { KeyRotationCronJob, type KeyRotationCronJobProps } from './constructs/csi-addons/key-rotation-cron-job';
export { KeyRotationJob, type KeyRotationJobProps } from './constructs/csi-addons/key-rotation-job';
export type { RotationJobOptions } from './constructs/csi-addons/rotation-job-spec';
export { CsiDriverObject, type CsiDriverObjectProps } from './constructs/csi-driver-object';
export { DriverIdentity, type DriverIdentityProps } from './constructs/driver-identity';
export { DriverNetworkPolicy, type DriverNetworkPolicyProps } from './constructs/driver-network-policy';
export { EncryptedStorage } from './constructs/encrypted-storage';
export {
  EncryptedStorageClass,
  type EncryptedStorageClassProps,
  type IEncryptedStorageClass,
} from './constructs/encrypted-storage-class';
export {
  KeywardDriver,
  type KeywardDriverProps,
} from './constructs/keyward-driver';
export {
  type IKmsConfigMap,
  KmsConfigMap,
  type KmsConfigMapFormat,
  type KmsConfigMapProps,
} from './constructs/kms-config-map';
export { KeywardAlertRules, type KeywardAlertRulesProps } from './constructs/observability/alert-rules';
export { KeywardDashboard, type KeywardDashboardProps } from './constructs/observability/dashboard';
export { KeywardPodMonitor, type KeywardPodMonitorProps } from './constructs/observability/pod-monitor';
export {
  annotateSyncWaves,
  partsBefore,
  type StoragePart,
  storagePartOf,
  storageParts,
  syncWaveOf,
} from './constructs/ordering';
export {
  type RookObjectStoreConnection,
  RookObjectStoreSecurity,
  type RookObjectStoreSecurityBlock,
  type RookObjectStoreSecurityProps,
} from './constructs/rook/object-store-security';
export { RookKms, type RookKmsConnection, type RookKmsProps, type RookSecurityBlock } from './constructs/rook/rook-kms';
export type { RookVaultSecretRefs } from './constructs/rook/vault-secrets';
export { type OwnRulesProps, type ValidateWithRulesProps, validateWithRules } from './constructs/rule-validation';
export { RuntimeConfigMap, type RuntimeConfigMapProps } from './constructs/runtime-config-map';
export { DevOnlyInlineSecret, type DevOnlyInlineSecretProps } from './constructs/secrets/dev-only-inline-secret';
export {
  ExternalSecret,
  type ExternalSecretProps,
  type RemoteValue,
  type SecretStoreRef,
} from './constructs/secrets/external-secret';
export type { ISecret } from './constructs/secrets/secret-with-keys';
export { EncryptedSnapshotClass, type EncryptedSnapshotClassProps } from './constructs/snapshot-class';
export * from './constructs/storage-props';
export type { StorageVaultJob, StorageVaultProps } from './constructs/storage-vault';
export { TenantAccess, type TenantAccessProps } from './constructs/tenant-access';
export type { NamespaceNeeds, TenantNeeds } from './constructs/tenant-needs';
export { type ServiceAccountRef, TokenReviewer, type TokenReviewerProps } from './constructs/token-reviewer';
export { VaultBootstrapJob, type VaultBootstrapJobProps } from './constructs/vault-bootstrap-job';
export type { VaultBootstrapLogin, VaultBootstrapServer } from './constructs/vault-bootstrap-pod';
