/** From the id of a volume or snapshot to its image, through the journal: images have names of their own. */
import { CodedError } from '../../errors';
import type { ImageRef } from '../back-end';
import { decodeId } from './ids';
import type { ImageSpec } from './image-spec';
import { decodeEntry, entryObject, type JournalEntry, recordKey } from './journal';
import type { PoolHandle, Pools } from './pools';

export interface Journal {
  readonly clusterId: string;
  readonly pools: Pools;
}

/** Where the journal entry of an id is. */
export interface EntryAddress {
  readonly pool: PoolHandle;
  readonly uuid: string;
  /** Name of the object. */
  readonly object: string;
}

/** Undefined for what is no id of this cluster, or of a pool that is gone. */
export async function addressOf({ clusterId, pools }: Journal, ref: ImageRef): Promise<EntryAddress | undefined> {
  const parts = decodeId(ref.id);
  if (parts?.clusterId !== clusterId) return undefined;
  const pool = await pools.byId(parts.poolId);
  return pool && { pool, uuid: parts.uuid, object: entryObject(ref.kind, parts.uuid) };
}

export interface FoundEntry extends EntryAddress {
  readonly entry: JournalEntry;
  /** Our record, as text. */
  readonly record?: string;
}

/** Undefined when there is no entry, or one that nobody filled. @throws CodedError RECORD_INVALID. */
export async function findEntry(journal: Journal, ref: ImageRef): Promise<FoundEntry | undefined> {
  const address = await addressOf(journal, ref);
  const values = await address?.pool.objects.omap(address.object);
  if (!address || !values) return undefined;
  const entry = decodeEntry(ref.kind, address.uuid, values);
  const record = values.get(recordKey)?.toString();
  return entry && { ...address, entry, ...(record !== undefined && { record }) };
}

/** @param namespace RADOS namespace, '' for none. @throws CodedError VOLUME_NOT_FOUND, SNAPSHOT_NOT_FOUND, RECORD_INVALID. */
export async function locateImage(journal: Journal, namespace: string, ref: ImageRef): Promise<ImageSpec> {
  const found = await findEntry(journal, ref);
  if (!found) throw notFound(ref);
  return { pool: found.pool.name, namespace, image: found.entry.imageName };
}

/** The error for an id that names nothing here. */
export function notFound({ kind, id }: ImageRef): CodedError {
  return new CodedError(kind === 'volume' ? 'VOLUME_NOT_FOUND' : 'SNAPSHOT_NOT_FOUND', `there is no ${kind} ${id}`, {
    remedy: `Check the id and the cluster that it names; the ${kind} may have been deleted.`,
  });
}
