// An encrypted StorageClass for the RBD driver of stock ceph-csi. Volumes of such a class are never plain text: what ceph-csi
// would pass over in silence does not get past the constructor.
import type { ApiObjectMetadata } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import type { CephCsiBlockEncryption, CephCsiEncryption } from '../../schema/ceph-csi-encryption';
import { type CephCsiParameters, encodeCephCsiParameters } from '../../schema/ceph-csi-parameters';
import { defined } from '../../schema/decode';
import type { KmsSettings } from '../../schema/kms';
import type { PlacedSecretRef } from '../class-secrets';
import { secretParameters } from '../class-secrets';
import { clusterScoped } from '../cluster-scoped';
import { type ContentHashedNameProps, withContentHash } from '../content-hash';
import { keyRotationAnnotations } from '../csi-addons/annotations';
import type { IEncryptedStorageClass } from '../encrypted-storage-class';
import type { IKmsConfigMap } from '../kms-config-map';
import { propError } from '../prop-error';
import { type CephCsiClassSecrets, type CephCsiSecretOperation, placeCephCsiSecrets } from './class-secrets';
import { refuseImpossible } from './impossible-classes';

/** Name of the RBD driver, unless it was deployed under another. */
const defaultCephCsiDriver = 'rbd.csi.ceph.com';

/** Props of a `CephCsiStorageClass`. */
export interface CephCsiStorageClassProps<Id extends string>
  extends Omit<CephCsiParameters, 'encryption'>,
    ContentHashedNameProps {
  /** Where the KMS ids are defined. */
  readonly kmsConfig: IKmsConfigMap<Id>;
  /** Which KMS holds the keys: an id of the KMS configuration. */
  readonly kms: Id;
  /** Secrets with the Ceph user: one for all operations, or one for each. */
  readonly secrets: CephCsiClassSecrets;
  /**
   * What is encrypted: the block device with LUKS2, or files with fscrypt, which not every KMS can.
   * @default block
   */
  readonly encryptionType?: 'block' | 'file';
  /**
   * How the block device is encrypted. Only with `block`.
   * @default - as cryptsetup does
   */
  readonly luks?: Omit<CephCsiBlockEncryption, 'type' | 'kmsId'>;
  /**
   * Name of the CSI driver. Rook leads it with its own: `rook-ceph.rbd.csi.ceph.com`.
   * @default rbd.csi.ceph.com
   */
  readonly driverName?: string;
  /**
   * File system of volumes that are mounted.
   * @default ext4
   */
  readonly fsType?: 'ext4' | 'xfs';
  /**
   * Whether claims may grow. Volumes with integrity cannot.
   * @default - true, unless there is integrity
   */
  readonly allowVolumeExpansion?: boolean;
  /**
   * What becomes of the image and its key when the claim is deleted.
   * @default Delete
   */
  readonly reclaimPolicy?: 'Delete' | 'Retain';
  /**
   * When the image is made.
   * @default Immediate
   */
  readonly volumeBindingMode?: 'WaitForFirstConsumer' | 'Immediate';
  /**
   * Options of the mount. ceph-csi adds `_netdev`, and `nouuid` for xfs.
   * @default - none
   */
  readonly mountOptions?: readonly string[];
  /**
   * When CSI-Addons rotates the keys of the volumes: `@weekly` and the like, or five fields of cron in numbers.
   * @default - the class says nothing; a claim or a namespace may
   */
  readonly keyRotation?: string;
  /**
   * Namespace of Secrets whose reference does not say one.
   * @default - each reference must say one
   */
  readonly secretNamespace?: string;
  /**
   * Metadata of the StorageClass.
   * @default - a name made by cdk8s
   */
  readonly metadata?: ApiObjectMetadata;
}

/** A StorageClass of ceph-csi for encrypted volumes. */
export class CephCsiStorageClass<const Id extends string> extends Construct implements IEncryptedStorageClass {
  /** A StorageClass that exists already. */
  static fromStorageClassName(name: string): IEncryptedStorageClass {
    return { name };
  }

  readonly name: string;
  /** Name of the CSI driver that provisions the volumes. */
  readonly driverName: string;
  /** What ceph-csi will read from the class. */
  readonly parameters: CephCsiParameters;
  /** The Secrets that come with the requests. */
  readonly secrets: ReadonlyMap<CephCsiSecretOperation, PlacedSecretRef>;

  constructor(
    scope: Construct,
    id: string,
    props: CephCsiStorageClassProps<NoInfer<Id>> & { readonly kmsConfig: IKmsConfigMap<Id> },
  ) {
    super(scope, id);
    const subject = this.node.path;
    const kms = kmsOf(props, subject);
    this.driverName = props.driverName ?? defaultCephCsiDriver;
    this.parameters = parametersOf(props);
    const encoded = encodeCephCsiParameters(this.parameters, `the class ${subject}`);
    refuseImpossible({ ...props, parameters: this.parameters, settings: kms, subject });
    const allowVolumeExpansion = props.allowVolumeExpansion ?? props.luks?.integrity === undefined;
    this.secrets = placeCephCsiSecrets(props.secrets, {
      prop: `${subject}.secrets`,
      allowVolumeExpansion,
      namespace: props.secretNamespace,
    });
    const storageClass = withContentHash(this.#toKube(props, encoded, allowVolumeExpansion), props, subject);
    this.name = clusterScoped(new k8s.KubeStorageClass(this, 'Resource', storageClass)).name;
  }

  #toKube(
    { metadata, keyRotation: schedule, ...props }: CephCsiStorageClassProps<Id>,
    parameters: Readonly<Record<string, string>>,
    allowVolumeExpansion: boolean,
  ): k8s.KubeStorageClassProps {
    const annotations = { ...metadata?.annotations, ...keyRotationAnnotations(defined({ schedule })) };
    return {
      metadata: { ...metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
      provisioner: this.driverName,
      parameters: {
        ...parameters,
        'csi.storage.k8s.io/fstype': props.fsType ?? 'ext4',
        ...secretParameters(this.secrets),
      },
      allowVolumeExpansion,
      reclaimPolicy: props.reclaimPolicy ?? 'Delete',
      volumeBindingMode: props.volumeBindingMode ?? 'Immediate',
      ...(props.mountOptions && { mountOptions: [...props.mountOptions] }),
    };
  }
}

function parametersOf<Id extends string>(props: CephCsiStorageClassProps<Id>): CephCsiParameters {
  const encryption = { type: props.encryptionType ?? 'block', kmsId: props.kms, ...props.luks } as CephCsiEncryption;
  return defined({
    clusterId: props.clusterId,
    pool: props.pool,
    dataPool: props.dataPool,
    radosNamespace: props.radosNamespace,
    volumeNamePrefix: props.volumeNamePrefix,
    imageFeatures: props.imageFeatures,
    imageFormat: props.imageFormat,
    mounter: props.mounter,
    tryOtherMounters: props.tryOtherMounters,
    mapOptions: props.mapOptions,
    unmapOptions: props.unmapOptions,
    mkfsOptions: props.mkfsOptions,
    stripeUnit: props.stripeUnit,
    stripeCount: props.stripeCount,
    objectSize: props.objectSize,
    encryption,
  });
}

function kmsOf<Id extends string>({ kms, kmsConfig }: CephCsiStorageClassProps<Id>, subject: string): KmsSettings {
  if (Object.hasOwn(kmsConfig.kms, kms)) return kmsConfig.kms[kms];
  throw propError({
    prop: `${subject}.kms`,
    got: JSON.stringify(kms),
    allowed: Object.keys(kmsConfig.kms).join(', ') || 'none: the configuration is empty',
    remedy: 'Use an id of the KMS configuration',
    rule: 'R3',
  });
}
