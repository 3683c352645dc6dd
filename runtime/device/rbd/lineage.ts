/**
 * From what an image was cloned, and which snapshots it has: read from its header object, because the `rbd` command takes
 * 100 ms for each image of a chain.
 */
import { CodedError } from '../../errors';
import type { PoolHandle, Pools } from './pools';
import type { RadosObjects } from './rados/objects';

export interface Parent {
  readonly poolId: number;
  readonly namespace: string;
  readonly imageId: string;
}

export interface Lineage {
  readonly parent?: Parent;
  /** Names; those that were removed and live on for their clones have a bare UUID. */
  readonly snapshots: readonly string[];
  /** Bit 0 says that the object map is not to be trusted. */
  readonly flags: bigint;
  readonly objectBytes: number;
}

/** Undefined: no such image. @throws CodedError CEPH_*. */
export async function readLineage(objects: RadosObjects, imageId: string): Promise<Lineage | undefined> {
  const entries = await objects.omap(`rbd_header.${imageId}`);
  if (entries === undefined) return undefined;
  const parent = entries.get('parent');
  const flags = entries.get('flags');
  const snapshots = [...entries].filter(([key]) => /^snapshot_[0-9a-f]+$/.test(key));
  const decoded = parent && decodeParent(parent);
  return {
    ...(decoded && { parent: decoded }),
    snapshots: snapshots.map(([, value]) => snapshotName(value)),
    flags: flags?.length === 8 ? flags.readBigUInt64LE() : 0n,
    objectBytes: 2 ** (entries.get('order')?.[0] ?? 0),
  };
}

/** How many ancestors an image has; counting ends where a chain leaves the configured namespace. @throws CodedError CEPH_*. */
export async function depthOf(pools: Pools, pool: PoolHandle, namespace: string, imageId: string): Promise<number> {
  let depth = 0;
  let place: PoolHandle | undefined = pool;
  let parent = (await readLineage(pool.objects, imageId))?.parent;
  while (parent !== undefined && depth < longestChain) {
    depth += 1;
    if (parent.namespace !== namespace) break;
    if (parent.poolId !== place?.id) place = await pools.byId(parent.poolId);
    parent = place && (await readLineage(place.objects, parent.imageId))?.parent;
  }
  return depth;
}

/** More than any client opens. */
const longestChain = 64;

/** `cls_rbd_parent`: pool, [namespace,] image id, snapshot id, …; a flattened image may keep an entry with pool -1. */
function decodeParent(value: Buffer): Parent | undefined {
  const reader = new Reader(value);
  const version = reader.begin();
  const poolId = reader.int64();
  // Before Ceph 14 the parent was always in the default namespace.
  const namespace = version >= 2 ? reader.text() : '';
  const imageId = reader.text();
  return poolId < 0 || imageId === '' ? undefined : { poolId, namespace, imageId };
}

/** `cls_rbd_snap`: snapshot id, name, … */
function snapshotName(value: Buffer): string {
  const reader = new Reader(value);
  reader.begin();
  reader.int64();
  return reader.text();
}

/** Ceph's encoding: little endian, texts with their length before them. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Version, compatible version, length. */
  begin(): number {
    return this.#take(6).readUInt8();
  }

  int64(): number {
    return Number(this.#take(8).readBigInt64LE());
  }

  text(): string {
    return this.#take(this.#take(4).readUInt32LE()).toString('utf8');
  }

  #take(length: number): Buffer {
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    if (part.length === length) return part;
    throw new CodedError('CEPH_FAILED', 'the header of an RBD image is shorter than its format says', {
      remedy: 'See with `rbd info` and `rbd snap ls --all` whether the image is whole.',
    });
  }
}
