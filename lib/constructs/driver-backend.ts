// Where a driver keeps the ciphertext, as a declaration says it.
import type { Size } from 'cdk8s';
import type { RbdPool } from '../schema/rbd-backend-config';
import type { RuntimeConfigProps } from '../schema/runtime-config';
import type { SecretRef } from '../schema/secret-ref';
import { propError } from './prop-error';
import type { RbdClusters } from './rbd-clusters';

/** Sparse files in a directory of the node: a volume stays where it was made. */
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

/** RBD images of Ceph clusters: every node reaches a volume. */
export interface RbdBackend {
  /** The type of the back end. */
  readonly type: 'rbd';
  /** The clusters, `rook` for those that Rook's operator keeps, or a ConfigMap of the driver's namespace. */
  readonly clusters: RbdClusters;
  /**
   * Ceph users for calls that bring none, such as lists: Secrets of the driver's namespace with `userID` and `userKey`.
   * @default - none; volumes are not listed
   */
  readonly credentials?: readonly RbdBackendCredentials[];
  /**
   * The pools whose volumes are listed. Needs `credentials`.
   * @default - none
   */
  readonly pools?: readonly RbdPool[];
  /**
   * Which drivers share one list of volumes in a pool.
   * @default default, as ceph-csi has it
   */
  readonly instanceId?: string;
  /**
   * Name of the Kubernetes cluster, for the metadata of the images.
   * @default - not written
   */
  readonly clusterName?: string;
  /**
   * Whether the names of claim, volume and snapshot are written to the metadata of the images.
   * @default true
   */
  readonly setMetadata?: boolean;
  /**
   * When a copy is made independent of what it was copied from.
   * @default - as ceph-csi: chains of 4 are shortened, of 8 waited for; 450 snapshots are the most
   */
  readonly flatten?: NonNullable<Extract<RuntimeConfigProps['backend'], { type: 'rbd' }>['flatten']>;
  /**
   * Deadline of mapping one image, in seconds.
   * @default 150
   */
  readonly mapTimeoutSeconds?: number;
  /**
   * Pods of the controller; one of them works.
   * @default 2
   */
  readonly controllerReplicas?: number;
  /**
   * Whether Kubernetes keeps a VolumeAttachment for each volume, for which csi-attacher runs: a ReadWriteOnce volume then goes
   * to another node only after it has left the first one. Volumes that ceph-csi attached need it too. It cannot be changed
   * while the CSIDriver object exists.
   * @default true, as in ceph-csi; without it a pod on a second node fails until the first has unstaged the volume
   */
  readonly attachRequired?: boolean;
  /**
   * Port of health and metrics on the nodes: their pods have the network of the node. The next one is the tenant agent's.
   * @default 9810
   */
  readonly nodeHealthPort?: number;
}

/** The Ceph user of a cluster. */
export interface RbdBackendCredentials {
  /** Id of the cluster. */
  readonly clusterId: string;
  /** The Secret. */
  readonly secret: SecretRef;
}

/** The back end as the runtime reads it. */
export function backendConfig(backend: LoopBackend | RbdBackend, namespace: string): RuntimeConfigProps['backend'] {
  if (backend.type === 'rbd') return rbdConfig(backend, namespace);
  // Unknown keys go along, so that the schema can refuse them by name.
  const { type, directory = '/var/lib/keyward', capacity, ...unknown } = backend;
  return { ...unknown, type, directory, ...(capacity && { capacityBytes: capacity.toKibibytes() * 1024 }) };
}

function rbdConfig(backend: RbdBackend, namespace: string): RuntimeConfigProps['backend'] {
  const { clusters: _, controllerReplicas, attachRequired, nodeHealthPort, credentials, ...config } = backend;
  if (config.pools !== undefined) refuseUnlisted(config.pools, credentials ?? []);
  return { ...config, ...(credentials && { credentials: credentials.map((one) => placed(one, namespace)) }) };
}

function placed({ clusterId, secret }: RbdBackendCredentials, namespace: string) {
  if (secret.namespace === undefined || secret.namespace === namespace)
    return { clusterId, secret: { namespace, name: secret.name } };
  throw propError({
    prop: `backend.credentials of ${clusterId}`,
    got: `a Secret in ${secret.namespace}`,
    allowed: `a Secret in ${namespace}`,
    remedy: 'A pod mounts Secrets of its own namespace only: put the user into a Secret there',
    rule: 'R3',
  });
}

/** CSI gives no Secret to a list, so a pool without a user would make every list fail. */
function refuseUnlisted(pools: readonly RbdPool[], credentials: readonly RbdBackendCredentials[]): void {
  const missing = pools.find((pool) => !credentials.some(({ clusterId }) => clusterId === pool.clusterId));
  if (missing === undefined) return;
  throw propError({
    prop: 'backend.pools',
    got: `${missing.pool} of ${missing.clusterId}, without credentials`,
    allowed: 'pools of clusters that have credentials',
    remedy: 'Add { clusterId, secret } to backend.credentials',
    rule: 'trap 2',
  });
}
