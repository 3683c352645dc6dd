/** What an image is now, in two reads of its objects. */
import { type ImageHeader, imageIdOf, readImageHeader } from './image-header';
import type { ImageSpec } from './image-spec';
import { type Lineage, readLineage } from './lineage';
import type { PoolHandle, Pools } from './pools';
import { poolNotFound } from './rados/errno';

export interface ImageState {
  readonly spec: ImageSpec;
  readonly pool: PoolHandle;
  readonly id: string;
  readonly header: ImageHeader;
  readonly lineage: Lineage;
}

/** Undefined: there is no image of that name. @throws CodedError POOL_NOT_FOUND, CEPH_*. */
export async function readImageState(pools: Pools, spec: ImageSpec): Promise<ImageState | undefined> {
  const pool = await poolOf(pools, spec);
  const id = await imageIdOf(pool.objects, spec.image);
  if (id === undefined) return undefined;
  const [header, lineage] = await Promise.all([readImageHeader(pool.objects, id), readLineage(pool.objects, id)]);
  return header && lineage && { spec, pool, id, header, lineage };
}

/** Whether there is at least the name of an image: what a kill while it was made may leave. @throws CodedError CEPH_*. */
export async function hasName(pool: PoolHandle, { image }: ImageSpec): Promise<boolean> {
  return (await pool.objects.read(`rbd_id.${image}`)) !== undefined;
}

/** @throws CodedError POOL_NOT_FOUND. */
export async function poolOf(pools: Pools, { pool }: Pick<ImageSpec, 'pool'>): Promise<PoolHandle> {
  const found = await pools.byName(pool);
  if (!found) throw poolNotFound(pool);
  return found;
}
