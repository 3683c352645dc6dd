/** The clusters that the driver reaches: ceph-csi's `config.json`, which an operator may rewrite at any time. */
import { readFile, stat } from 'node:fs/promises';
import { type CephCluster, decodeCephClusters } from '../../../lib/schema/ceph-clusters';
import { SchemaError } from '../../../lib/schema/schema-error';
import { CodedError } from '../../errors';

export class ClustersFile {
  readonly #path: string;
  #known: { readonly modifiedAt: number; readonly clusters: readonly CephCluster[] } | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws CodedError CONFIG_UNREADABLE, CONFIG_INVALID. */
  async all(): Promise<readonly CephCluster[]> {
    try {
      const { mtimeMs: modifiedAt } = await stat(this.#path);
      if (this.#known?.modifiedAt !== modifiedAt) {
        this.#known = { modifiedAt, clusters: decodeCephClusters(await readFile(this.#path, 'utf8')) };
      }
      return this.#known.clusters;
    } catch (cause) {
      if (cause instanceof SchemaError) {
        throw new CodedError('CONFIG_INVALID', `${this.#path}: ${cause.message}`, {
          remedy: 'Mend the ConfigMap of the clusters; it is read anew by itself.',
          cause,
        });
      }
      throw new CodedError('CONFIG_UNREADABLE', `${this.#path} cannot be read`, {
        remedy: 'Check that the ConfigMap of the clusters exists and is mounted there.',
        cause,
      });
    }
  }

  /** As ceph-csi, the first entry of that id. @throws CodedError CLUSTER_UNKNOWN, CONFIG_*. */
  async cluster(clusterId: string): Promise<CephCluster> {
    const found = (await this.all()).find(({ clusterID }) => clusterID === clusterId);
    if (!found) {
      throw unusable(`there is no cluster ${JSON.stringify(clusterId.slice(0, 100))} in ${this.#path}`);
    }
    if (found.monitors.length === 0) throw unusable(`${this.#path} names no monitor of cluster ${clusterId}`);
    if (found.rbd?.netNamespaceFilePath) {
      throw new CodedError('CONFIG_INVALID', `cluster ${clusterId} is reached in a network namespace of its own`, {
        remedy: 'keyward reaches clusters from the network of its pod: remove netNamespaceFilePath.',
      });
    }
    return found;
  }
}

function unusable(message: string): CodedError {
  return new CodedError('CLUSTER_UNKNOWN', message, {
    remedy: 'Add the cluster with its monitors to the ConfigMap of the clusters, or mend the clusterID of the class.',
  });
}
