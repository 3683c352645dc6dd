// The KMS configuration of stock ceph-csi, where the way it was deployed makes it look. ceph-csi passes over keys that it does
// not know, so what only keyward can do is refused here.
import type { ApiObjectMetadata } from 'cdk8s';
import type { Construct } from 'constructs';
import type { KmsProps } from '../../schema/kms';
import { unknownToCephCsi } from '../../schema/kms/ceph-csi-support';
import { rookCsiKmsConfigMapName } from '../../schema/names';
import { KmsConfigMap, type KmsConfigMapFormat } from '../kms-config-map';
import { propError } from '../prop-error';

/**
 * How ceph-csi was deployed, which decides where it looks.
 *
 * - `manifests`: its own manifests or Helm chart
 * - `rook`: Rook's operator with its own CSI settings; needs `operatorSettings` in `rook-ceph-operator-config`
 * - `operator`: ceph-csi-operator; needs `driverSpec` in the Driver
 */
export type CephCsiDeployment = 'manifests' | 'rook' | 'operator';

/** Props of a `CephCsiKmsConfig`. */
export interface CephCsiKmsConfigProps<Id extends string> {
  /** The KMSs by id. A StorageClass names one of these ids, and no other compiles. */
  readonly kms: Readonly<Record<Id, KmsProps>>;
  /**
   * How ceph-csi was deployed.
   * @default manifests
   */
  readonly deployment?: CephCsiDeployment;
  /**
   * How the sections are laid out. `connection-details` is read through the API, and only where no file is mounted: a
   * mounted file hides it as a whole, even an empty one.
   * @default file
   */
  readonly format?: KmsConfigMapFormat;
  /**
   * Metadata of the ConfigMap. It belongs into the namespace of ceph-csi; with `rook` into that of the operator.
   * @default - the name under which this deployment looks for it
   */
  readonly metadata?: ApiObjectMetadata;
}

/** The KMS configuration of stock ceph-csi. */
export class CephCsiKmsConfig<const Id extends string> extends KmsConfigMap<Id> {
  /** How ceph-csi is deployed. */
  readonly deployment: CephCsiDeployment;
  /** What `rook-ceph-operator-config`, or the values of its chart, must say. Empty unless Rook deploys ceph-csi. */
  readonly operatorSettings: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, { deployment = 'manifests', ...props }: CephCsiKmsConfigProps<Id>) {
    const name =
      deployment === 'rook' && props.format !== 'connection-details' ? { name: rookCsiKmsConfigMapName } : {};
    super(scope, id, { ...props, metadata: { ...name, ...props.metadata } });
    for (const [kmsId, settings] of Object.entries(this.kms) as [Id, KmsConfigMap<Id>['kms'][Id]][]) {
      for (const [setting, remedy] of unknownToCephCsi(settings))
        throw unknown(`${this.node.path}.kms.${kmsId}`, setting, remedy);
    }
    this.deployment = deployment;
    this.operatorSettings = deployment === 'rook' ? { CSI_ENABLE_ENCRYPTION: 'true' } : {};
  }

  /** What the spec of a Driver of ceph-csi-operator (`csi.ceph.io/v1`) must say to mount this ConfigMap. */
  get driverSpec() {
    return { encryption: { configMapName: { name: this.name } } };
  }
}

function unknown(prop: string, setting: string, remedy: string): Error {
  return propError({
    prop,
    got: setting,
    allowed: 'what ceph-csi knows; it passes over the rest',
    remedy: `${remedy.charAt(0).toUpperCase()}${remedy.slice(1)}`,
    rule: 'trap 9',
  });
}
