// A StorageClass whose volumes are encrypted by a KMS of the configuration.
import { type ApiObjectMetadata, JsonPatch } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { defaultDriverName } from '../schema/names';
import { encodeRbdParameters, type RbdParameters } from '../schema/rbd-parameters';
import {
  encodeVolumeParameters,
  type LuksParameters,
  settleVolume,
  type VolumeParameters,
} from '../schema/volume-parameters';
import {
  type ClassSecrets,
  type PlacedSecretRef,
  placeSecrets,
  type SecretOperation,
  secretParameters,
} from './class-secrets';
import { clusterScoped } from './cluster-scoped';
import { type ContentHashedNameProps, withContentHash } from './content-hash';
import { keyRotationAnnotations } from './csi-addons/annotations';
import { type KeyAgeProps, keyAgeAnnotations } from './key-age';
import type { IKmsConfigMap } from './kms-config-map';
import { propError } from './prop-error';

/** File systems that the driver makes. */
const fileSystems = ['ext4', 'xfs'] as const;

/** A StorageClass, made here or elsewhere. */
export interface IEncryptedStorageClass {
  /** Name of the StorageClass, as a claim gives it. */
  readonly name: string;
}

/** What a class is, whoever composes it. */
export interface EncryptedClassProps<Id extends string> extends ContentHashedNameProps, KeyAgeProps {
  /** Which KMS holds the keys: an id of the KMS configuration. */
  readonly kms: Id;
  /**
   * Where the images are. Needed with the back end `rbd`, and refused with any other.
   * @default - node-local volumes
   */
  readonly rbd?: RbdParameters;
  /**
   * Secrets that come with the requests: one for all operations, or one for each. With `rbd` they carry the Ceph user, as
   * `userID` and `userKey`.
   * @default - none; `rbd` is refused, and so is a KMS that reads its secret from the request
   */
  readonly secrets?: ClassSecrets;
  /**
   * File system of volumes that are mounted.
   * @default ext4
   */
  readonly fsType?: (typeof fileSystems)[number];
  /**
   * Whether claims may grow. Volumes with integrity cannot.
   * @default - true, unless there is integrity
   */
  readonly allowVolumeExpansion?: boolean;
  /**
   * What becomes of the volume and its key when the claim is deleted.
   * @default Delete
   */
  readonly reclaimPolicy?: 'Delete' | 'Retain';
  /**
   * When the volume is made. Node-local volumes must wait for the pod, or they may be on a node where it cannot run.
   * @default - WaitForFirstConsumer; with `rbd` Immediate
   */
  readonly volumeBindingMode?: 'WaitForFirstConsumer' | 'Immediate';
  /**
   * Options of the mount.
   * @default - none
   */
  readonly mountOptions?: readonly string[];
  /**
   * Arguments of mkfs, separated by blanks; they replace the driver's own.
   * @default - the driver's own
   */
  readonly mkfsOptions?: string;
  /**
   * How the volumes are encrypted.
   * @default - aes-xts-plain64 with a 512-bit key and 4096-byte sectors; pbkdf2 at its minimum, since keys are random
   */
  readonly luks?: Partial<LuksParameters>;
}

/** Props of an `EncryptedStorageClass`. */
export interface EncryptedStorageClassProps<Id extends string> extends EncryptedClassProps<Id> {
  /** Where the KMS ids are defined. */
  readonly kmsConfig: IKmsConfigMap<Id>;
  /**
   * Name of the CSI driver.
   * @default csi.keyward.io
   */
  readonly driverName?: string;
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

/** A StorageClass for encrypted volumes. */
export class EncryptedStorageClass<const Id extends string> extends Construct implements IEncryptedStorageClass {
  /** A StorageClass that exists already. */
  static fromStorageClassName(name: string): IEncryptedStorageClass {
    return { name };
  }

  readonly name: string;
  /** Name of the CSI driver that provisions the volumes. */
  readonly driverName: string;
  /** What the runtime will read from the class. */
  readonly parameters: VolumeParameters;
  /** Where the images are; undefined for node-local volumes. */
  readonly rbd: RbdParameters | undefined;
  /** Days that a key may grow old; undefined where there is no limit. */
  readonly maximumKeyAgeDays: number | undefined;
  /** The Secrets that come with the requests. */
  readonly secrets: ReadonlyMap<SecretOperation, PlacedSecretRef>;

  constructor(
    scope: Construct,
    id: string,
    props: EncryptedStorageClassProps<NoInfer<Id>> & { readonly kmsConfig: IKmsConfigMap<Id> },
  ) {
    super(scope, id);
    const subject = this.node.path;
    this.driverName = props.driverName ?? defaultDriverName;
    const kms = refuseUnknownKms(props, subject);
    refuseFileSystem(props.fsType, subject);
    const parameters = settleVolume({ kmsId: props.kms, ...optional(props) }, `the class ${subject}`);
    this.rbd = props.rbd;
    this.maximumKeyAgeDays = props.maximumKeyAgeDays;
    const { integrity } = parameters.luks;
    if (integrity !== undefined) refuseIntegrity(props, subject);
    const allowVolumeExpansion = props.allowVolumeExpansion ?? integrity === undefined;
    this.secrets = placeSecrets(props.secrets, {
      prop: `${subject}.secrets`,
      kms,
      carriesCephUser: props.rbd !== undefined,
      allowVolumeExpansion,
      namespace: props.secretNamespace,
    });
    const image = props.rbd && encodeRbdParameters(props.rbd, `the class ${subject}: rbd`);
    const written = { ...image, ...encodeVolumeParameters(parameters) };
    const storageClass = withContentHash(this.#toKube(props, written, allowVolumeExpansion), props, subject);
    const resource = clusterScoped(new k8s.KubeStorageClass(this, 'Resource', storageClass));
    this.name = resource.name;
    this.parameters = { ...parameters, className: this.name };
    // After the name is settled, which may follow from the other parameters.
    resource.addJsonPatch(JsonPatch.add('/parameters/storageClassName', this.name));
  }

  #toKube(
    props: EncryptedStorageClassProps<Id>,
    written: Readonly<Record<string, string>>,
    allowVolumeExpansion: boolean,
  ): k8s.KubeStorageClassProps {
    return {
      metadata: annotated(props, this.node.path),
      provisioner: this.driverName,
      parameters: {
        ...written,
        'csi.storage.k8s.io/fstype': props.fsType ?? 'ext4',
        ...secretParameters(this.secrets),
      },
      allowVolumeExpansion,
      reclaimPolicy: props.reclaimPolicy ?? 'Delete',
      volumeBindingMode: props.volumeBindingMode ?? (props.rbd ? 'Immediate' : 'WaitForFirstConsumer'),
      ...(props.mountOptions && { mountOptions: [...props.mountOptions] }),
    };
  }
}

function annotated(props: EncryptedStorageClassProps<string>, subject: string): ApiObjectMetadata {
  const { metadata, keyRotation: schedule } = props;
  const annotations = {
    ...metadata?.annotations,
    ...(schedule !== undefined && keyRotationAnnotations({ schedule })),
    ...keyAgeAnnotations(props, subject),
  };
  return { ...metadata, ...(Object.keys(annotations).length > 0 && { annotations }) };
}

function optional({ luks, mkfsOptions }: EncryptedClassProps<string>) {
  return { ...(luks && { luks }), ...(mkfsOptions !== undefined && { mkfsOptions }) };
}

function refuseUnknownKms<Id extends string>({ kms, kmsConfig }: EncryptedStorageClassProps<Id>, subject: string) {
  if (Object.hasOwn(kmsConfig.kms, kms)) return kmsConfig.kms[kms];
  throw propError({
    prop: `${subject}.kms`,
    got: JSON.stringify(kms),
    allowed: Object.keys(kmsConfig.kms).join(', ') || 'none: the configuration is empty',
    remedy: 'Use an id of the KMS configuration',
    rule: 'R3',
  });
}

/** At format every sector is written, and later none can be added. */
function refuseIntegrity({ rbd, allowVolumeExpansion }: EncryptedClassProps<string>, subject: string): void {
  if (rbd === undefined) {
    throw propError({
      prop: `${subject}.luks.integrity`,
      got: 'a node-local volume',
      allowed: 'integrity with rbd',
      remedy: 'Leave it out: it would fill the sparse file of the volume at once',
      rule: 'trap 9',
    });
  }
  if (allowVolumeExpansion !== true) return;
  throw propError({
    prop: `${subject}.allowVolumeExpansion`,
    got: 'true, with luks.integrity',
    allowed: 'false: cryptsetup does not grow a volume with integrity',
    remedy: 'Leave it out, or leave out luks.integrity',
    rule: 'trap 9',
  });
}

function refuseFileSystem(fsType: string | undefined, subject: string): void {
  if (fsType === undefined || fileSystems.some((known) => known === fsType)) return;
  throw propError({
    prop: `${subject}.fsType`,
    got: JSON.stringify(fsType),
    allowed: fileSystems.join(', '),
    remedy: 'Choose a file system that the driver makes; raw block volumes need none',
    rule: 'R18',
  });
}
