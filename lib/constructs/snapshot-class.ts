// The VolumeSnapshotClass of an encrypted class: a snapshot gets its own copy of the key, so it needs the same Secret.
import { ApiObject, type ApiObjectMetadata } from 'cdk8s';
import { Construct } from 'constructs';
import type { PlacedSecretRef } from './class-secrets';
import { secretParameters } from './class-secrets';
import { clusterScoped } from './cluster-scoped';

/** Props of an `EncryptedSnapshotClass`. */
export interface EncryptedSnapshotClassProps {
  /** Name of the CSI driver. */
  readonly driverName: string;
  /**
   * Secret that comes with the request.
   * @default - none
   */
  readonly secret?: PlacedSecretRef;
  /**
   * Secret that comes when a snapshot is looked up.
   * @default - none
   */
  readonly listSecret?: PlacedSecretRef;
  /**
   * What becomes of the snapshot when its object is deleted.
   * @default Delete
   */
  readonly deletionPolicy?: 'Delete' | 'Retain';
  /**
   * Metadata of the VolumeSnapshotClass.
   * @default - a name made by cdk8s
   */
  readonly metadata?: ApiObjectMetadata;
}

/** A class of snapshots of encrypted volumes. */
export class EncryptedSnapshotClass extends Construct {
  /** Name of the VolumeSnapshotClass. */
  readonly name: string;

  constructor(scope: Construct, id: string, props: EncryptedSnapshotClassProps) {
    super(scope, id);
    this.name = clusterScoped(new ApiObject(this, 'Resource', this.#toKube(props))).name;
  }

  #toKube({ driverName, secret, listSecret, deletionPolicy, metadata }: EncryptedSnapshotClassProps) {
    const secrets = new Map<string, PlacedSecretRef>();
    if (secret !== undefined) secrets.set('snapshotter', secret);
    if (listSecret !== undefined) secrets.set('snapshotter-list', listSecret);
    return {
      apiVersion: 'snapshot.storage.k8s.io/v1',
      kind: 'VolumeSnapshotClass',
      metadata: { ...metadata },
      driver: driverName,
      deletionPolicy: deletionPolicy ?? 'Delete',
      ...(secrets.size > 0 && { parameters: secretParameters(secrets) }),
    };
  }
}
