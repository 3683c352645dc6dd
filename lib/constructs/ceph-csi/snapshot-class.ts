// The VolumeSnapshotClass of an encrypted class of ceph-csi: a snapshot's image gets its own copy of the key, so the call needs
// the Ceph user and whatever else the KMS reads from the request.
import { ApiObject, type ApiObjectMetadata } from 'cdk8s';
import { Construct } from 'constructs';
import type { SecretRef } from '../../schema/secret-ref';
import { placeSecret, secretParameters } from '../class-secrets';
import { clusterScoped } from '../cluster-scoped';
import type { CephCsiStorageClass } from './storage-class';

/** Props of a `CephCsiSnapshotClass`. */
export interface CephCsiSnapshotClassProps {
  /** The class whose volumes are snapshot: driver, cluster and Secret are its own. */
  readonly storageClass: Pick<CephCsiStorageClass<string>, 'driverName' | 'parameters' | 'secrets'>;
  /**
   * Secret that comes with the requests.
   * @default - the one with which the class provisions
   */
  readonly secret?: Required<Pick<SecretRef, 'name' | 'namespace'>>;
  /**
   * What becomes of the snapshot and its key when its object is deleted.
   * @default Delete
   */
  readonly deletionPolicy?: 'Delete' | 'Retain';
  /**
   * Metadata of the VolumeSnapshotClass.
   * @default - a name made by cdk8s
   */
  readonly metadata?: ApiObjectMetadata;
}

/** A class of snapshots of encrypted images. */
export class CephCsiSnapshotClass extends Construct {
  /** Name of the VolumeSnapshotClass. */
  readonly name: string;

  constructor(scope: Construct, id: string, props: CephCsiSnapshotClassProps) {
    super(scope, id);
    this.name = clusterScoped(new ApiObject(this, 'Resource', this.#toKube(props))).name;
  }

  #toKube({ storageClass, secret, deletionPolicy, metadata }: CephCsiSnapshotClassProps) {
    const prop = `${this.node.path}.secret`;
    const own = secret && placeSecret(secret, 'snapshotter', { prop, namespace: undefined });
    const used = own ?? storageClass.secrets.get('provisioner');
    return {
      apiVersion: 'snapshot.storage.k8s.io/v1',
      kind: 'VolumeSnapshotClass',
      metadata: { ...metadata },
      driver: storageClass.driverName,
      deletionPolicy: deletionPolicy ?? 'Delete',
      parameters: {
        clusterID: storageClass.parameters.clusterId,
        ...(used && secretParameters(new Map([['snapshotter', used]]))),
      },
    };
  }
}
