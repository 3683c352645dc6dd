/**
 * What one call has of a cluster: monitors, user, connection and pools, each found out when it is first needed. A call that
 * only looks at this node's devices needs none of them.
 */
import type { CephCluster } from '../../../lib/schema/ceph-clusters';
import type { CephUser } from './credentials';
import { clusterPools, type Pools } from './pools';
import type { RadosCluster } from './rados/cluster';
import type { RadosConnections } from './rados/connections';
import type { CephAccess } from './rbd-cli';

export interface ClusterSessionParts {
  readonly clusterId: string;
  /** @throws CodedError CLUSTER_UNKNOWN, CONFIG_*. */
  readonly cluster: () => Promise<CephCluster>;
  /** @throws CodedError SECRET_MISSING. */
  readonly user: () => Promise<CephUser>;
  readonly connections: RadosConnections;
  /** Pools whose volumes are listed. */
  readonly listedPools: readonly string[];
}

export class ClusterSession {
  readonly clusterId: string;
  readonly pools: Pools;
  readonly #parts: ClusterSessionParts;
  #access: Promise<CephAccess> | undefined;

  constructor(parts: ClusterSessionParts) {
    this.clusterId = parts.clusterId;
    this.#parts = parts;
    const pools = async () => {
      const [cluster, namespace] = await Promise.all([this.rados(), this.namespace()]);
      return clusterPools({ cluster, namespace, listed: parts.listedPools });
    };
    this.pools = {
      byId: async (id) => (await pools()).byId(id),
      byName: async (name) => (await pools()).byName(name),
      all: async () => (await pools()).all(),
      reachMonitor: async () => (await pools()).reachMonitor(),
    };
  }

  /** RADOS namespace of the images, '' for none. */
  async namespace(): Promise<string> {
    return (await this.#parts.cluster()).rbd?.radosNamespace ?? '';
  }

  /** The connection; not to be kept. */
  async rados(): Promise<RadosCluster> {
    return this.#parts.connections.get(await this.access());
  }

  /** For the `rbd` command. The key is valid as long as the call. */
  access(): Promise<CephAccess> {
    this.#access ??= this.#connect();
    return this.#access;
  }

  async #connect(): Promise<CephAccess> {
    const { monitors } = await this.#parts.cluster();
    return { monitors, ...(await this.#parts.user()) };
  }
}
