// keyward's own CSI driver. Its volumes are node-local, so controller and node run in one pod per node and nothing else runs.
import { createHash } from 'node:crypto';
import { Size } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { type RuntimeConfig, type RuntimeConfigProps, settleRuntimeConfig } from '../schema/runtime-config';
import { CsiDriverObject } from './csi-driver-object';
import { type DriverContainerProps, driverContainer, driverVolumes } from './driver-container';
import { DriverIdentity } from './driver-identity';
import { driverPaths } from './driver-paths';
import { type DriverImages, defaultImages } from './images';
import type { IKmsConfigMap } from './kms-config-map';
import { kmsMounts } from './kms-mounts';
import { propError } from './prop-error';
import { RuntimeConfigMap } from './runtime-config-map';
import { sidecars, sidecarVolume } from './sidecars';
import { TenantAccess } from './tenant-access';
import { TenantAccounts } from './tenant-accounts';
import { type TenantAgentProps, tenantAgentContainer, tenantAgentVolumes } from './tenant-agent';
import { type TenantNeeds, tenantNeeds } from './tenant-needs';

/** Where the ciphertext is kept: sparse files in a directory of the node. */
export interface LoopBackend {
  /** The type of the back end. */
  readonly type: 'loop';
  /**
   * Directory on each node.
   * @default /var/lib/keyward
   */
  readonly directory?: string;
  /**
   * Most that all volumes of a node together may claim.
   * @default - what the file system of the directory has free
   */
  readonly capacity?: Size;
}

/** What a driver is, whoever composes it. */
export interface KeywardDriverOptions {
  /** Where the ciphertext is kept. */
  readonly backend: LoopBackend;
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
   * Whether to serve VolumeSnapshots. The cluster must have their CRDs, and a snapshot-controller that runs with
   * `--enable-distributed-snapshotting`, since each node serves its own.
   * @default false
   */
  readonly snapshots?: boolean;
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

  constructor(scope: Construct, id: string, props: KeywardDriverProps) {
    super(scope, id);
    refuseConnectionDetails(props.kmsConfig, this.node.path);
    this.config = settleRuntimeConfig(configOf(props));
    this.driverName = this.config.driverName;
    this.namespace = props.namespace;
    this.memoryLimit = props.memoryLimit ?? Size.mebibytes(384);
    this.snapshots = props.snapshots ?? false;
    const name = props.name ?? 'keyward-csi';
    this.podLabels = { 'app.kubernetes.io/name': 'keyward', 'app.kubernetes.io/instance': name };
    const { namespace, snapshots, driverName } = this;
    new CsiDriverObject(this, 'CsiDriver', { driverName });
    const configMap = new RuntimeConfigMap(this, 'Config', { name: `${name}-config`, namespace, config: this.config });
    this.identity = new DriverIdentity(this, 'Identity', { name, namespace, snapshots });
    const needs = this.#addTenants(name, props);
    const container: DriverContainerProps = {
      image: props.images?.keyward ?? defaultImages.keyward,
      paths: driverPaths(driverName, props.kubeletDirectory ?? '/var/lib/kubelet'),
      backingDirectory: this.config.backend.directory,
      runtimeConfigName: configMap.name,
      kmsConfigName: props.kmsConfig.name,
      kmsMounts: kmsMounts({ kms: props.kmsConfig.kms, namespace, vaultAudience: props.vaultAudience }),
      hasTenantAgent: needs.namespaces.size > 0,
      memoryLimit: this.memoryLimit,
    };
    new k8s.KubeDaemonSet(this, 'DaemonSet', this.#toKube(name, props, container, needs));
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

  #toKube(
    name: string,
    props: KeywardDriverProps,
    container: DriverContainerProps,
    { tenants }: TenantNeeds,
  ): k8s.KubeDaemonSetProps {
    const labels = { ...this.podLabels };
    const images = { ...defaultImages, ...props.images };
    const { namespace, snapshots } = this;
    const agent: TenantAgentProps = { image: images.keyward, kmsConfigName: container.kmsConfigName, tenants };
    const { hasTenantAgent } = container;
    return {
      metadata: { name, namespace, labels },
      spec: {
        selector: { matchLabels: labels },
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: k8s.IntOrString.fromString('10%') } },
        template: {
          metadata: { labels, annotations: { 'keyward.io/config-hash': hash([this.config, props.kmsConfig.kms]) } },
          spec: {
            serviceAccountName: this.identity.serviceAccountName,
            automountServiceAccountToken: false,
            priorityClassName: 'system-node-critical',
            nodeSelector: { 'kubernetes.io/os': 'linux', ...props.nodeSelector },
            tolerations: [...(props.tolerations ?? [{ operator: 'Exists' }])],
            terminationGracePeriodSeconds: 60,
            containers: [
              driverContainer(container),
              ...(hasTenantAgent ? [tenantAgentContainer(agent)] : []),
              ...sidecars({ images, paths: container.paths, namespace, snapshots }),
            ],
            volumes: [
              ...driverVolumes(container),
              ...(hasTenantAgent ? tenantAgentVolumes(agent) : []),
              sidecarVolume(),
            ],
          },
        },
      },
    };
  }
}

function configOf({ driverName, backend, cryptsetup, logLevel }: KeywardDriverProps): RuntimeConfigProps {
  const { type, directory = '/var/lib/keyward', capacity, ...unknown } = backend;
  return {
    ...(driverName !== undefined && { driverName }),
    backend: { ...unknown, type, directory, ...(capacity && { capacityBytes: capacity.toKibibytes() * 1024 }) },
    ...(cryptsetup && { cryptsetup }),
    ...(logLevel && { log: { level: logLevel } }),
  };
}

/** The runtime reads its configuration once: a new hash makes the DaemonSet replace the pods. */
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
