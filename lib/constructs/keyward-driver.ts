// keyward's own CSI driver: in one pod per node where volumes are node-local, else as a controller and a pod per node.
import { createHash } from 'node:crypto';
import { Size } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { type RuntimeConfig, type RuntimeConfigProps, settleRuntimeConfig } from '../schema/runtime-config';
import { CsiDriverObject } from './csi-driver-object';
import { backendConfig, type LoopBackend, type RbdBackend } from './driver-backend';
import type { DriverContainerProps } from './driver-container';
import { DriverIdentity } from './driver-identity';
import { driverPaths } from './driver-paths';
import { controllerDeployment, type DriverPodProps, mappingDaemonSet, nodeLocalDaemonSet } from './driver-pods';
import { type DriverRotationOptions, refuseRotation } from './driver-rotation';
import { cephImage, type DriverImages, defaultImages } from './images';
import type { IKmsConfigMap } from './kms-config-map';
import { kmsMounts } from './kms-mounts';
import { propError } from './prop-error';
import { clusterIdsOf, clustersConfigMap } from './rbd-clusters';
import { RuntimeConfigMap } from './runtime-config-map';
import { TenantAccess } from './tenant-access';
import { TenantAccounts } from './tenant-accounts';
import { type TenantNeeds, tenantNeeds } from './tenant-needs';

/** What a driver is, whoever composes it. */
export interface KeywardDriverOptions extends DriverRotationOptions {
  /** Where the ciphertext is kept. */
  readonly backend: LoopBackend | RbdBackend;
  /**
   * Name of the CSI driver, as StorageClasses give it.
   * @default csi.keyward.io
   */
  readonly driverName?: string;
  /**
   * Name of the Kubernetes objects.
   * @default keyward-csi
   */
  readonly name?: string;
  /**
   * Bounds on cryptsetup, which costs memory and CPU.
   * @default - two at once, 150 seconds each
   */
  readonly cryptsetup?: NonNullable<RuntimeConfigProps['cryptsetup']>;
  /**
   * Least level that is logged.
   * @default info
   */
  readonly logLevel?: RuntimeConfig['log']['level'];
  /**
   * Whether to serve VolumeSnapshots. The cluster must have their CRDs, and a snapshot-controller. With the back end `loop`
   * that must run with `--enable-distributed-snapshotting`, since each node serves its own.
   * @default false
   */
  readonly snapshots?: boolean;
  /**
   * Whether the sidecar of CSI-Addons runs, so that its controller can rotate keys and reclaim space. The cluster must have
   * the CRDs of CSI-Addons. With the network of the node it listens two ports above `nodeHealthPort`.
   * @default false
   */
  readonly csiAddons?: boolean;
  /**
   * Audience of the service-account token that the driver shows to Vault. Must equal the audience of the Vault role.
   * @default - the audience of the API server
   */
  readonly vaultAudience?: string;
  /**
   * Namespaces whose claims use a KMS that comes as the tenant, or reads from the tenant's namespace. The tenant agent
   * runs beside the driver then, and may read in each of them what the KMSs name.
   * @default - none
   */
  readonly tenants?: readonly string[];
  /**
   * Whether the ServiceAccounts that a KMS comes as are kept by whoever keeps the tenants' namespaces.
   * @default false, which declares one in each tenant's namespace
   */
  readonly tenantAccountsExist?: boolean;
  /**
   * Memory limit of the driver's container.
   * @default Size.mebibytes(384)
   */
  readonly memoryLimit?: Size;
  /**
   * Container images.
   * @default - the releases that keyward is tested with
   */
  readonly images?: Partial<DriverImages>;
  /**
   * Which nodes carry volumes.
   * @default - all Linux nodes
   */
  readonly nodeSelector?: Readonly<Record<string, string>>;
  /**
   * Taints that the driver bears.
   * @default - all, so that a pod with a volume can run wherever it is let
   */
  readonly tolerations?: readonly k8s.Toleration[];
  /**
   * Root directory of the kubelet.
   * @default /var/lib/kubelet
   */
  readonly kubeletDirectory?: string;
}

/** Props of a `KeywardDriver`. */
export interface KeywardDriverProps extends KeywardDriverOptions {
  /** Namespace of the driver. It must let privileged pods run. */
  readonly namespace: string;
  /** The KMSs. What they read from Secrets of the namespace is mounted without further ado. */
  readonly kmsConfig: IKmsConfigMap;
}

/** The driver: CSIDriver object, configuration, identity and the pods. */
export class KeywardDriver extends Construct {
  /** Name of the CSI driver. */
  readonly driverName: string;
  /** Namespace of the driver. */
  readonly namespace: string;
  /** Memory limit of the driver's container. */
  readonly memoryLimit: Size;
  /** Whether csi-snapshotter runs. */
  readonly snapshots: boolean;
  /** Labels of the pods, by which policies and monitors select them. */
  readonly podLabels: Readonly<Record<string, string>>;
  /** The configuration as the runtime will read it. */
  readonly config: RuntimeConfig;
  /** The service account of the pods, with its rights. */
  readonly identity: DriverIdentity;
  /** Ids of the Ceph clusters; undefined where another keeps the list, or there are none. */
  readonly clusterIds: readonly string[] | undefined;

  constructor(scope: Construct, id: string, props: KeywardDriverProps) {
    super(scope, id);
    refuseConnectionDetails(props.kmsConfig, this.node.path);
    refuseRotation(props, props.namespace, this.node.path);
    this.config = settleRuntimeConfig(configOf(props));
    this.driverName = this.config.driverName;
    this.namespace = props.namespace;
    this.memoryLimit = props.memoryLimit ?? Size.mebibytes(384);
    this.snapshots = props.snapshots ?? false;
    const name = props.name ?? 'keyward-csi';
    this.podLabels = { 'app.kubernetes.io/name': 'keyward', 'app.kubernetes.io/instance': name };
    const { namespace, snapshots, driverName } = this;
    const { csiAddons = false } = props;
    const rbd = props.backend.type === 'rbd' ? props.backend : undefined;
    const attachRequired = rbd?.attachRequired ?? rbd !== undefined;
    const kind = { reach: rbd ? 'cluster' : 'node', attachRequired } as const;
    new CsiDriverObject(this, 'CsiDriver', { driverName, ...kind });
    const configMap = new RuntimeConfigMap(this, 'Config', { name: `${name}-config`, namespace, config: this.config });
    const capacity = rbd === undefined;
    this.identity = new DriverIdentity(this, 'Identity', {
      name,
      namespace,
      snapshots,
      attachRequired,
      capacity,
      csiAddons,
      rotation: props.rotation !== undefined,
    });
    this.clusterIds = rbd && clusterIdsOf(rbd.clusters);
    const clusters = rbd && clustersConfigMap(this, rbd.clusters, { name: `${name}-clusters`, namespace });
    const pods = this.#podProps(name, props, configMap.name, clusters);
    if (rbd !== undefined) this.#addClusterWide(pods, rbd);
    else if (this.config.backend.type === 'loop')
      new k8s.KubeDaemonSet(this, 'DaemonSet', nodeLocalDaemonSet(pods, this.config.backend.directory));
  }

  #addClusterWide(
    pods: DriverPodProps,
    { controllerReplicas = 2, attachRequired = true, nodeHealthPort = 9810 }: RbdBackend,
  ) {
    const part = (component: 'controller' | 'node') => ({
      ...pods,
      name: `${pods.name}-${component}`,
      labels: { ...pods.labels, 'app.kubernetes.io/component': component },
    });
    const controller = { replicas: controllerReplicas, attachRequired };
    new k8s.KubeDeployment(this, 'Controller', controllerDeployment(part('controller'), controller));
    new k8s.KubeDaemonSet(this, 'DaemonSet', mappingDaemonSet(part('node'), nodeHealthPort));
  }

  #addTenants(name: string, { kmsConfig, tenants = [], tenantAccountsExist = false }: KeywardDriverProps): TenantNeeds {
    const { namespace } = this;
    const needs = tenantNeeds({ subject: this.node.path, kms: kmsConfig.kms, tenants, namespace });
    if (needs.namespaces.size > 0) {
      const serviceAccount = { name: this.identity.serviceAccountName, namespace };
      new TenantAccess(this, 'Tenants', { name: `${name}-tenants`, needs, serviceAccount });
      if (!tenantAccountsExist) new TenantAccounts(this, 'TenantAccounts', { needs });
    }
    return needs;
  }

  #podProps(
    name: string,
    props: KeywardDriverProps,
    runtimeConfigName: string,
    clusters: DriverContainerProps['clusters'],
  ): DriverPodProps {
    const { namespace, snapshots, config, driverName, memoryLimit } = this;
    const { kmsConfig, vaultAudience, csiAddons = false } = props;
    const images = {
      ...defaultImages,
      ...(config.backend.type === 'rbd' && { keyward: cephImage }),
      ...props.images,
    };
    const needs = this.#addTenants(name, props);
    const cephUsers = (config.backend.type === 'rbd' ? (config.backend.credentials ?? []) : []).map(
      (it) => it.secret.name,
    );
    return {
      name,
      namespace,
      labels: this.podLabels,
      serviceAccountName: this.identity.serviceAccountName,
      configHash: hash([config, kmsConfig.kms]),
      images,
      snapshots,
      csiAddons,
      container: {
        image: images.keyward,
        paths: driverPaths(driverName, props.kubeletDirectory ?? '/var/lib/kubelet'),
        runtimeConfigName,
        kmsConfigName: kmsConfig.name,
        kmsMounts: kmsMounts({
          kms: kmsConfig.kms,
          namespace,
          vaultAudience,
          cephUsers,
          adminSecret: props.adminSecret?.name,
        }),
        clusters,
        hasTenantAgent: needs.namespaces.size > 0,
        namespace,
        rotation: props,
        memoryLimit,
      },
      tenants: needs.tenants,
      nodeSelector: props.nodeSelector ?? {},
      tolerations: props.tolerations,
    };
  }
}

function configOf({ driverName, backend, namespace, cryptsetup, logLevel }: KeywardDriverProps): RuntimeConfigProps {
  return {
    ...(driverName !== undefined && { driverName }),
    backend: backendConfig(backend, namespace),
    ...(cryptsetup && { cryptsetup }),
    ...(logLevel && { log: { level: logLevel } }),
  };
}

/** The runtime reads its configuration once: a new hash makes the workloads replace their pods. */
function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

function refuseConnectionDetails({ name, format }: IKmsConfigMap, subject: string): void {
  if (format === 'file') return;
  throw propError({
    prop: `${subject}.kmsConfig`,
    got: `${name} in the format ${format}`,
    allowed: 'a KmsConfigMap in the format file',
    remedy: 'The driver mounts config.json: leave out the format',
    rule: 'R3',
  });
}
