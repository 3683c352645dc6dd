// The Ceph clusters of a driver: given here, or in a ConfigMap that somebody else keeps, in ceph-csi's form.
import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { encodeCephClusters } from '../schema/ceph-clusters';
import { configFileName } from '../schema/names';
import type { ClassSecrets } from './class-secrets';
import { propError } from './prop-error';

/** One cluster that Rook does not keep. */
export interface RbdCluster {
  /** Id of the cluster, at most 36 bytes; it becomes part of every volume id, so it stays. Often the fsid. */
  readonly clusterId: string;
  /** Addresses of the monitors, e.g. `10.0.0.11:6789`. */
  readonly monitors: readonly string[];
  /**
   * RADOS namespace of the images in every pool.
   * @default - that without a name
   */
  readonly radosNamespace?: string;
}

/** A ConfigMap with clusters, in the namespace of the driver: a pod mounts no other. */
export interface RbdClustersConfigMap {
  /** Name of the ConfigMap. */
  readonly configMapName: string;
  /**
   * Its key.
   * @default config.json
   */
  readonly key?: string;
}

/** `rook`: the ConfigMap that Rook's operator keeps in its own namespace. */
export type RbdClusters = readonly RbdCluster[] | RbdClustersConfigMap | 'rook';

const rookClusters = { configMapName: 'rook-ceph-csi-config', key: 'csi-cluster-config-json' } as const;

/** The ConfigMap to mount; it is declared here when the clusters are. */
export function clustersConfigMap(
  scope: Construct,
  clusters: RbdClusters,
  metadata: { readonly name: string; readonly namespace: string },
): Required<RbdClustersConfigMap> {
  if (clusters === 'rook') return rookClusters;
  if (!isList(clusters)) return { key: configFileName, ...clusters };
  const text = encodeCephClusters(
    clusters.map(({ clusterId: clusterID, monitors, radosNamespace, ...unknown }) => {
      refuseUnknown(Object.keys(unknown), scope.node.path);
      return { clusterID, monitors, ...(radosNamespace !== undefined && { rbd: { radosNamespace } }) };
    }),
  );
  const { name } = new k8s.KubeConfigMap(scope, 'Clusters', { metadata, data: { [configFileName]: text } });
  return { configMapName: name, key: configFileName };
}

/** The ids that a class can name, where they are known here. */
export function clusterIdsOf(clusters: RbdClusters): readonly string[] | undefined {
  return isList(clusters) ? clusters.map(({ clusterId }) => clusterId) : undefined;
}

/**
 * The Secrets that Rook keeps for the users of ceph-csi, in the namespace of the CephCluster.
 * @param namespace that namespace; without it the one of the driver
 */
export function rookRbdSecrets(namespace?: string): ClassSecrets {
  const secret = (name: string) => ({ name, ...(namespace !== undefined && { namespace }) });
  const controller = secret('rook-csi-rbd-provisioner');
  const node = secret('rook-csi-rbd-node');
  return { provisioner: controller, 'controller-expand': controller, 'node-stage': node, 'node-expand': node };
}

function isList(clusters: RbdClusters): clusters is readonly RbdCluster[] {
  return Array.isArray(clusters);
}

/** The file itself may hold more, for other drivers; a misspelt key would pass as that. */
function refuseUnknown([key]: readonly string[], subject: string): void {
  if (key === undefined) return;
  throw propError({
    prop: `${subject}.backend.clusters`,
    got: JSON.stringify(key),
    allowed: 'clusterId, monitors, radosNamespace',
    remedy: 'Correct or remove the key',
    rule: 'R18',
  });
}
