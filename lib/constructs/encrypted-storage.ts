// The whole of it from one declaration: KMS configuration, driver, classes. Names cannot differ, since each is said once (R3).
import { Construct } from 'constructs';
import type { KmsProps } from '../schema/kms';
import type { VaultState } from '../vault';
import { type EncryptedClassProps, EncryptedStorageClass } from './encrypted-storage-class';
import { cephImage } from './images';
import { KeywardDriver, type KeywardDriverOptions } from './keyward-driver';
import { KmsConfigMap } from './kms-config-map';
import { refuseMemoryShortage } from './luks-memory';
import { ownNamespace } from './own-namespace';
import { propError } from './prop-error';
import { type OwnRulesProps, validateWithRules } from './rule-validation';
import { EncryptedSnapshotClass } from './snapshot-class';
import { StorageVault, type StorageVaultProps } from './storage-vault';

/** One StorageClass of an `EncryptedStorage`. */
export interface EncryptedStorageClassOptions<Id extends string> extends EncryptedClassProps<Id> {
  /** Name of the StorageClass, as a claim gives it. */
  readonly name: string;
}

/** Props of an `EncryptedStorage`. */
export interface EncryptedStorageProps<Id extends string> {
  /** The driver: keyward's own. */
  readonly driver: { readonly type: 'keyward' } & Omit<KeywardDriverOptions, 'tenants'>;
  /** The KMSs by id. A class names one of these ids, and no other compiles. */
  readonly kms: Readonly<Record<Id, KmsProps>>;
  /**
   * The tenants: namespaces whose claims use a KMS that comes as the tenant, or reads from the tenant's namespace.
   * @default - none; such a KMS is refused
   */
  readonly tenants?: readonly string[];
  /** The StorageClasses. */
  readonly classes: readonly EncryptedStorageClassOptions<NoInfer<Id>>[];
  /**
   * Namespace of the driver, its configuration and the Secrets whose reference does not say another.
   * @default - the namespace of the chart
   */
  readonly namespace?: string;
  /**
   * What the Vault of the KMSs needs for them: engines, policies, auth methods, roles.
   * @default - nothing: somebody else keeps the Vault
   */
  readonly vaultState?: StorageVaultProps;
  /**
   * What the rules know of the cluster besides, and which of them do not hold here.
   * @default - all rules hold; nothing else is known
   */
  readonly rules?: OwnRulesProps;
}

/** What the rules look at. There is none of it per tenant, so that ten thousand of them cost nothing here. */
const checkedKinds = ['StorageClass', 'VolumeSnapshotClass', 'ConfigMap', 'DaemonSet', 'Deployment', 'CSIDriver'];

/** Encrypted storage for a cluster. */
export class EncryptedStorage<const Id extends string> extends Construct {
  /** The ConfigMap with the KMSs. */
  readonly kmsConfig: KmsConfigMap<Id>;
  /** The driver. */
  readonly driver: KeywardDriver;
  /** The StorageClasses, in the order of the props. */
  readonly classes: readonly EncryptedStorageClass<Id>[];
  /** What the Vault of the KMSs shall hold, where the prop of this name asks for it. */
  readonly vaultState: VaultState | undefined;

  constructor(scope: Construct, id: string, props: EncryptedStorageProps<Id>) {
    super(scope, id);
    const { type: _, ...driver } = props.driver;
    const namespace = ownNamespace(this, props);
    this.kmsConfig = new KmsConfigMap(this, 'Kms', {
      kms: props.kms,
      metadata: { name: `${driver.name ?? 'keyward-csi'}-kms`, namespace },
    });
    const { tenants = [] } = props;
    this.driver = new KeywardDriver(this, 'Driver', { ...driver, tenants, namespace, kmsConfig: this.kmsConfig });
    this.classes = props.classes.map((options) => this.#addClass(options, namespace));
    this.vaultState = props.vaultState && this.#addVault(props.vaultState, props, namespace).state;
    const { vaultState: vault } = this;
    validateWithRules(this, { ...(vault && { vault }), ...props.rules, kinds: checkedKinds });
  }

  #addVault(vault: StorageVaultProps, { kms, driver, tenants = [] }: EncryptedStorageProps<Id>, namespace: string) {
    const { serviceAccountName } = this.driver.identity;
    const audience = driver.vaultAudience;
    return new StorageVault(this, 'Vault', {
      tenants,
      ...vault,
      kms,
      driver: { namespace, serviceAccounts: [serviceAccountName], ...(audience !== undefined && { audience }) },
      // One image for everything that is keyward, where nodes are given images by hand.
      image: driver.images?.keyward ?? (driver.backend.type === 'rbd' ? cephImage : undefined),
    });
  }

  #addClass({ name, ...options }: EncryptedStorageClassOptions<Id>, namespace: string): EncryptedStorageClass<Id> {
    const { driverName } = this.driver;
    refuseOtherStorage(options, this.driver, `${this.node.path}: class ${name}`);
    const added = new EncryptedStorageClass<Id>(this, `Class-${name}`, {
      ...options,
      driverName,
      kmsConfig: this.kmsConfig,
      secretNamespace: namespace,
      metadata: { name },
    });
    refuseMemoryShortage(added, this.driver);
    for (const secret of added.secrets.values()) this.driver.identity.grantSecret(secret);
    if (this.driver.snapshots) {
      const secret = added.secrets.get('provisioner');
      new EncryptedSnapshotClass(this, `Snapshots-${name}`, {
        driverName,
        ...(secret && { secret }),
        ...(secret && added.rbd && { listSecret: secret }),
        metadata: { name },
      });
    }
    return added;
  }
}

/** A class for images needs a driver that reaches them, and a cluster that the driver knows. */
function refuseOtherStorage({ rbd }: EncryptedClassProps<string>, driver: KeywardDriver, subject: string): void {
  const { type } = driver.config.backend;
  const prop = `${subject}.rbd`;
  if ((type === 'rbd') !== (rbd !== undefined)) {
    throw propError({
      prop,
      got: rbd === undefined ? 'nothing' : 'images of Ceph',
      allowed: type === 'rbd' ? '{ clusterId, pool }' : 'nothing: the back end of the driver is loop',
      remedy:
        type === 'rbd' ? 'Say in which cluster and pool the images are' : 'Leave it out, or choose the back end rbd',
      rule: 'R18',
    });
  }
  if (rbd === undefined || (driver.clusterIds?.includes(rbd.clusterId) ?? true)) return;
  throw propError({
    prop: `${prop}.clusterId`,
    got: JSON.stringify(rbd.clusterId),
    allowed: driver.clusterIds?.join(', ') || 'none: no cluster is declared',
    remedy: 'Use the id of a cluster of the driver',
    rule: 'R3, trap 4',
  });
}
