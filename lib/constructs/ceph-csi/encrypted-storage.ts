// Encrypted storage on stock ceph-csi from one declaration: KMSs, classes, tenants and what ceph-csi may read. Names cannot
// differ, since each is said once (R3).
import { Construct } from 'constructs';
import type { KmsProps } from '../../schema/kms';
import { ownNamespace } from '../own-namespace';
import { propError } from '../prop-error';
import { type OwnRulesProps, validateWithRules } from '../rule-validation';
import type { CephCsiClassSecrets } from './class-secrets';
import { type CephCsiDeployment, CephCsiKmsConfig } from './kms-config';
import { CephCsiSecretAccess } from './secret-access';
import { CephCsiSnapshotClass } from './snapshot-class';
import { CephCsiStorageClass, type CephCsiStorageClassProps } from './storage-class';
import { CephCsiTenant, type CephCsiTenantProps } from './tenant';

/** What all classes have in common. */
type OfCluster = 'kmsConfig' | 'clusterId' | 'secrets' | 'secretNamespace' | 'driverName' | 'metadata';

/** One StorageClass of a `CephCsiEncryptedStorage`. */
export interface CephCsiClassOptions<Id extends string> extends Omit<CephCsiStorageClassProps<Id>, OfCluster> {
  /** Name of the StorageClass, as a claim gives it. */
  readonly name: string;
}

/** Props of a `CephCsiEncryptedStorage`. */
export interface CephCsiEncryptedStorageProps<Id extends string> {
  /** The Ceph cluster. */
  readonly cluster: {
    /** Its entry in ceph-csi's own `config.json`. In a Rook cluster the namespace of the CephCluster. */
    readonly clusterId: string;
    /** Secrets with the Ceph user: one for all operations, or one for each. */
    readonly secrets: CephCsiClassSecrets;
  };
  /** The KMSs by id. A class or a tenant names one of these ids, and no other compiles. */
  readonly kms: Readonly<Record<Id, KmsProps>>;
  /** The StorageClasses. */
  readonly classes: readonly CephCsiClassOptions<NoInfer<Id>>[];
  /**
   * The tenants: namespaces whose claims use a KMS that reads from there.
   * @default - none; such a KMS is refused
   */
  readonly tenants?: readonly Omit<CephCsiTenantProps<NoInfer<Id>>, 'kmsConfig'>[];
  /**
   * How ceph-csi was deployed.
   * @default manifests
   */
  readonly deployment?: CephCsiDeployment;
  /**
   * Name of the CSI driver.
   * @default - rbd.csi.ceph.com; with `rook` led by the namespace
   */
  readonly driverName?: string;
  /**
   * ServiceAccounts of ceph-csi's controller and node pods.
   * @default - those of its manifests, or of Rook; with `operator` they must be said
   */
  readonly serviceAccounts?: readonly string[];
  /**
   * Whether each class has a VolumeSnapshotClass of the same name.
   * @default false
   */
  readonly snapshots?: boolean;
  /**
   * Namespace of ceph-csi, with `rook` of the operator, and of Secrets whose reference does not say another.
   * @default - the namespace of the chart
   */
  readonly namespace?: string;
  /**
   * What the rules know besides, such as the state of the Vault, and which of them do not hold here.
   * @default - all rules hold; nothing else is known
   */
  readonly rules?: OwnRulesProps;
}

/** What the rules look at. Of a tenant it is one ConfigMap, and only where it overrides something. */
const checkedKinds = ['StorageClass', 'VolumeSnapshotClass', 'ConfigMap'];

/** Encrypted storage on stock ceph-csi. */
export class CephCsiEncryptedStorage<const Id extends string> extends Construct {
  /** The ConfigMap with the KMSs. */
  readonly kmsConfig: CephCsiKmsConfig<Id>;
  /** The StorageClasses, in the order of the props. */
  readonly classes: readonly CephCsiStorageClass<Id>[];
  /** What the tenants have, in the order of the props. */
  readonly tenants: readonly CephCsiTenant<Id>[];

  constructor(scope: Construct, id: string, props: CephCsiEncryptedStorageProps<Id>) {
    super(scope, id);
    const { deployment = 'manifests', kms, tenants = [] } = props;
    const namespace = ownNamespace(this, props);
    const serviceAccounts = props.serviceAccounts ?? knownAccounts[deployment] ?? this.#refuseNoAccounts();
    const metadata = { namespace };
    this.kmsConfig = new CephCsiKmsConfig(this, 'Kms', { kms, deployment, metadata });
    const driverName = props.driverName ?? `${deployment === 'rook' ? `${namespace}.` : ''}rbd.csi.ceph.com`;
    this.classes = props.classes.map((options) => this.#addClass(options, props, { namespace, driverName }));
    const { kmsConfig, classes } = this;
    this.tenants = tenants.map(
      (tenant) => new CephCsiTenant<Id>(this, `Tenant-${tenant.namespace}-${tenant.kms}`, { ...tenant, kmsConfig }),
    );
    new CephCsiSecretAccess(this, 'Access', {
      ...{ kmsConfig, namespace, classes, serviceAccounts },
      tenants: this.tenants,
    });
    validateWithRules(this, { ...props.rules, kinds: checkedKinds });
  }

  #addClass(
    { name, ...options }: CephCsiClassOptions<Id>,
    { cluster, snapshots = false }: CephCsiEncryptedStorageProps<Id>,
    { namespace, driverName }: { readonly namespace: string; readonly driverName: string },
  ): CephCsiStorageClass<Id> {
    const { kmsConfig } = this;
    const metadata = { name };
    const common = { kmsConfig, driverName, metadata, secretNamespace: namespace, ...cluster };
    const added = new CephCsiStorageClass<Id>(this, `Class-${name}`, { ...options, ...common });
    if (snapshots) new CephCsiSnapshotClass(this, `Snapshots-${name}`, { storageClass: added, metadata });
    return added;
  }

  #refuseNoAccounts(): never {
    throw propError({
      prop: `${this.node.path}.serviceAccounts`,
      got: 'nothing',
      allowed: 'the two names',
      remedy: 'Look at the Deployment and the DaemonSet of the driver',
      rule: 'trap 5',
    });
  }
}

const knownAccounts: Readonly<Partial<Record<CephCsiDeployment, readonly string[]>>> = {
  manifests: ['rbd-csi-provisioner', 'rbd-csi-nodeplugin'],
  rook: ['rook-csi-rbd-provisioner-sa', 'rook-csi-rbd-plugin-sa'],
};
