/**
 * Pools by the map of the cluster that the client has. librados' own look-up waits for a newer map, without any timeout,
 * when it does not know a pool: while no monitor answers, that would hold a thread for as long.
 */
import { radosError } from './errno';
import type { Pointer, RadosLibrary } from './functions';

export interface Pool {
  readonly id: number;
  readonly name: string;
}

/** By number or name. Undefined: not in the map; a pool that was made just now may be missing. @throws CodedError CEPH_*. */
export async function poolOfMap(
  rados: RadosLibrary,
  cluster: Pointer,
  wanted: number | string,
): Promise<Pool | undefined> {
  for (const name of await poolNames(rados, cluster)) {
    if (typeof wanted === 'string' && name !== wanted) continue;
    const id = Number(await rados.rados_pool_lookup(cluster, name));
    if (id >= 0 && (name === wanted || id === wanted)) return { id, name };
  }
  return undefined;
}

async function poolNames(rados: RadosLibrary, cluster: Pointer): Promise<readonly string[]> {
  for (let bytes = 16 * 1024; ; ) {
    const buffer = Buffer.alloc(bytes);
    const needed = await rados.rados_pool_list(cluster, buffer, bytes);
    if (needed < 0) throw radosError('list the pools', needed);
    if (needed <= bytes) return buffer.toString('utf8', 0, needed).split('\0').filter(Boolean);
    bytes = needed;
  }
}
