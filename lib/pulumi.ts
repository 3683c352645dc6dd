export { EncryptedStorage, type EncryptedStorageArgs } from './components/encrypted-storage';
export type { ClassSecrets, PlacedSecretRef, SecretOperation } from './constructs/class-secrets';
export type { EncryptedStorageClassOptions, EncryptedStorageProps } from './constructs/encrypted-storage';
export type { EncryptedClassProps } from './constructs/encrypted-storage-class';
export type { DriverImages } from './constructs/images';
export type { KeywardDriverOptions, LoopBackend } from './constructs/keyward-driver';
