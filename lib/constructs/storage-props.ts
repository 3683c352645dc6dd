// What a declaration of encrypted storage is written with, the same for cdk8s and for Pulumi: one list for both entry points.
export type { ClassSecrets, PlacedSecretRef, SecretOperation } from './class-secrets';
export type { LoopBackend, RbdBackend, RbdBackendCredentials } from './driver-backend';
export type { BuiltInRotation, DriverRotationOptions } from './driver-rotation';
export type { EncryptedStorageClassOptions, EncryptedStorageProps } from './encrypted-storage';
export type { EncryptedClassProps } from './encrypted-storage-class';
export type { DriverImages } from './images';
export type { KeyAgeProps } from './key-age';
export type { KeywardDriverOptions } from './keyward-driver';
export {
  type RbdCluster,
  type RbdClusters,
  type RbdClustersConfigMap,
  rookRbdSecrets,
} from './rbd-clusters';
