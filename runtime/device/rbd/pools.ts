/** The pools of one cluster, as the journal and the records need them: by number, because pools can be renamed. */
import type { RadosObjects } from './rados/objects';

export interface PoolHandle {
  readonly id: number;
  readonly name: string;
  /** In the RADOS namespace of the cluster's configuration. */
  readonly objects: RadosObjects;
  /** Addresses of the clients that have an image of the pool open. @throws CodedError CEPH_*. */
  watchers(image: string): Promise<readonly string[]>;
}

export interface Pools {
  byId(id: number): Promise<PoolHandle | undefined>;
  byName(name: string): Promise<PoolHandle | undefined>;
  /** Those whose volumes are listed. */
  all(): Promise<readonly PoolHandle[]>;
  /** Resolves when a monitor answers. @throws CodedError CEPH_UNREACHABLE in time. */
  reachMonitor(): Promise<void>;
}

/** What {@link clusterPools} needs of a connection. */
export interface PoolSource {
  poolById(id: number): Promise<PoolName | undefined>;
  poolByName(name: string): Promise<PoolName | undefined>;
  pools(): Promise<readonly PoolName[]>;
  objects(pool: number, namespace: string): RadosObjects;
  watchers(pool: number, namespace: string, image: string): Promise<readonly string[]>;
}

type PoolName = Pick<PoolHandle, 'id' | 'name'>;

export interface ClusterPoolsOptions {
  readonly cluster: PoolSource;
  /** RADOS namespace, '' for none. */
  readonly namespace: string;
  /** Names of the pools whose volumes are listed. @default - all that the cluster has */
  readonly listed?: readonly string[];
}

export function clusterPools({ cluster, namespace, listed }: ClusterPoolsOptions): Pools {
  const handle = (pool: PoolName | undefined) =>
    pool && {
      id: pool.id,
      name: pool.name,
      objects: cluster.objects(pool.id, namespace),
      watchers: (image: string) => cluster.watchers(pool.id, namespace, image),
    };
  const pools: Pools = {
    byId: async (id) => handle(await cluster.poolById(id)),
    byName: async (name) => handle(await cluster.poolByName(name)),
    all: async () => {
      const found = listed ? await Promise.all(listed.map((name) => cluster.poolByName(name))) : await cluster.pools();
      return found.map(handle).filter((each) => each !== undefined);
    },
    reachMonitor: async () => {
      await cluster.pools();
    },
  };
  return pools;
}
