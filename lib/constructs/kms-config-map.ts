// The ConfigMap that names the KMSs of a driver, in the form keyward and ceph-csi mount, or the one ceph-csi reads by API.
import type { ApiObjectMetadata } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { encodeKmsConfig, encodeKmsConfigMapData, type KmsProps, type KmsSettings, settleKms } from '../schema/kms';
import { cephCsiConfigMapNames, configFileName } from '../schema/names';

/** A ConfigMap of KMS sections, made here or elsewhere. */
export interface IKmsConfigMap<Id extends string = string> {
  /** Name of the ConfigMap. */
  readonly name: string;
  /** What each KMS id stands for. */
  readonly kms: Readonly<Record<Id, KmsSettings>>;
  /** How the sections are laid out in it. */
  readonly format: KmsConfigMapFormat;
}

/** How the sections are laid out in the ConfigMap. */
export type KmsConfigMapFormat =
  /** One key `config.json` with all sections: mounted as a file. */
  | 'file'
  /** One key per KMS id: read through the API. */
  | 'connection-details';

/** Props of a `KmsConfigMap`. */
export interface KmsConfigMapProps<Id extends string> {
  /** The KMSs by id. A StorageClass names one of these ids, and no other compiles. */
  readonly kms: Readonly<Record<Id, KmsProps>>;
  /**
   * How the sections are laid out.
   * @default file
   */
  readonly format?: KmsConfigMapFormat;
  /**
   * Metadata of the ConfigMap.
   * @default - the name that ceph-csi looks for in this format
   */
  readonly metadata?: ApiObjectMetadata;
}

/** A ConfigMap of KMS sections. */
export class KmsConfigMap<const Id extends string> extends Construct implements IKmsConfigMap<Id> {
  /** A ConfigMap that exists already, with what is in it. */
  static fromKmsConfigMapName<const Id extends string>(
    name: string,
    kms: Readonly<Record<Id, KmsProps>>,
    format: KmsConfigMapFormat = 'file',
  ): IKmsConfigMap<Id> {
    return { name, kms: settleAll(kms), format };
  }

  readonly name: string;
  readonly kms: Readonly<Record<Id, KmsSettings>>;
  readonly format: KmsConfigMapFormat;
  /** The data of the ConfigMap, as the runtime will read it. */
  readonly data: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, props: KmsConfigMapProps<Id>) {
    super(scope, id);
    this.format = props.format ?? 'file';
    this.kms = settleAll(props.kms);
    const sections = new Map<string, KmsSettings>(Object.entries<KmsSettings>(this.kms));
    this.data =
      this.format === 'file' ? { [configFileName]: encodeKmsConfig(sections) } : encodeKmsConfigMapData(sections);
    const map = new k8s.KubeConfigMap(this, 'Resource', this.#toKube(props.metadata));
    this.name = map.name;
  }

  #toKube(metadata: ApiObjectMetadata | undefined): k8s.KubeConfigMapProps {
    const name = this.format === 'file' ? cephCsiConfigMapNames.file : cephCsiConfigMapNames.connectionDetails;
    return { metadata: { name, ...metadata }, data: { ...this.data } };
  }
}

function settleAll<Id extends string>(kms: Readonly<Record<Id, KmsProps>>): Readonly<Record<Id, KmsSettings>> {
  const settled = Object.entries<KmsProps>(kms).map(([id, props]) => [id, settleKms(id, props)]);
  return Object.freeze(Object.fromEntries(settled)) as Readonly<Record<Id, KmsSettings>>;
}
