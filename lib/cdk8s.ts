export type { ClassSecrets, PlacedSecretRef, SecretOperation } from './constructs/class-secrets';
export { CsiDriverObject, type CsiDriverObjectProps } from './constructs/csi-driver-object';
export { DriverIdentity, type DriverIdentityProps } from './constructs/driver-identity';
export {
  EncryptedStorage,
  type EncryptedStorageClassOptions,
  type EncryptedStorageProps,
} from './constructs/encrypted-storage';
export {
  type EncryptedClassProps,
  EncryptedStorageClass,
  type EncryptedStorageClassProps,
  type IEncryptedStorageClass,
} from './constructs/encrypted-storage-class';
export type { DriverImages } from './constructs/images';
export {
  KeywardDriver,
  type KeywardDriverOptions,
  type KeywardDriverProps,
  type LoopBackend,
} from './constructs/keyward-driver';
export {
  type IKmsConfigMap,
  KmsConfigMap,
  type KmsConfigMapFormat,
  type KmsConfigMapProps,
} from './constructs/kms-config-map';
export { RuntimeConfigMap, type RuntimeConfigMapProps } from './constructs/runtime-config-map';
export { EncryptedSnapshotClass, type EncryptedSnapshotClassProps } from './constructs/snapshot-class';
export { TenantAccess, type TenantAccessProps } from './constructs/tenant-access';
export type { NamespaceNeeds, TenantNeeds } from './constructs/tenant-needs';
