/** How much room there is for new images. They are thin, so what the pool can still take counts, as ceph df shows it. */

/** RBD keeps no object map of more objects than this; in objects of the usual 4 MiB that is most of a pebibyte. */
const maximumObjects = 256_000_000;
const usualObjectBytes = 4 * 1024 * 1024;

/** What {@link poolCapacity} needs of a connection. */
export interface PoolUsage {
  usage(poolName: string): Promise<{ readonly availableBytes: number }>;
}

/** @param dataPool Holds the data of the images, where that is another pool. @throws CodedError POOL_NOT_FOUND, CEPH_*. */
export async function poolCapacity(
  cluster: PoolUsage,
  pool: string,
  dataPool?: string,
): Promise<{ readonly availableBytes: number; readonly maximumImageBytes: number }> {
  const { availableBytes } = await cluster.usage(dataPool ?? pool);
  return { availableBytes, maximumImageBytes: maximumObjects * usualObjectBytes };
}

/** Where no class names a pool: what the one with the most room takes, for a volume lies in one. */
export async function roomiestPoolCapacity(
  cluster: PoolUsage,
  pools: readonly string[],
): Promise<{ readonly availableBytes: number; readonly maximumImageBytes: number }> {
  const capacities = await Promise.all(pools.map((pool) => poolCapacity(cluster, pool)));
  const none = { availableBytes: 0, maximumImageBytes: 0 };
  return capacities.reduce((most, each) => (each.availableBytes > most.availableBytes ? each : most), none);
}
