/** One record as it is now, in all the places that a record of RBD is kept: journal entry, our key in it, image metadata. */
import type * as z from 'zod';
import { CodedError } from '../../errors';
import type { ImageRef } from '../back-end';
import type { SnapshotRecord, VolumeRecord } from '../record';
import { parseRecord } from '../record-schema';
import { type ForeignImage, foreignRecord } from './foreign-record';
import { imageIdOf, readImageHeader } from './image-header';
import { type FoundEntry, findEntry, type Journal } from './locate';
import { withImage } from './own-record';

export interface Stored<R> {
  /** As callers see it. */
  readonly record: R;
  /** As it is under our key; absent when only another driver knows the volume. */
  readonly own?: R;
  readonly found: FoundEntry;
  readonly image?: StoredImage;
}

export interface StoredImage extends ForeignImage {
  readonly imageId: string;
}

/**
 * Undefined when there is none, and for what another driver reserved and made no image for.
 * @throws CodedError RECORD_INVALID; REQUEST_INVALID for a volume of another driver that keyward does not serve.
 */
export async function readStored<R extends VolumeRecord | SnapshotRecord>(
  journal: Journal,
  schema: z.ZodType<R>,
  ref: ImageRef,
): Promise<Stored<R> | undefined> {
  const found = await findEntry(journal, ref);
  if (!found) return undefined;
  const own = found.record === undefined ? undefined : parseOwn(schema, ref, found.record);
  // Until it is finished all is in the record: the image may be a clone that came with the metadata of its source.
  const image = own?.complete === false ? undefined : await readImage(found);
  if (own) return { record: withImage(own, image), own, found, ...(image && { image }) };
  return image && { record: foreignRecord(schema, ref, found.entry, image), found, image };
}

export async function readImage({ pool, entry }: FoundEntry): Promise<StoredImage | undefined> {
  // Not the id in the entry: an image that was made anew has another.
  const imageId = await imageIdOf(pool.objects, entry.imageName);
  const header = imageId === undefined ? undefined : await readImageHeader(pool.objects, imageId);
  if (imageId === undefined || !header) return undefined;
  const { sizeBytes, metadata, createdAt } = header;
  return { imageId, sizeBytes, metadata, ...(createdAt !== undefined && { createdAt }) };
}

function parseOwn<R extends { readonly id: string }>(schema: z.ZodType<R>, { kind, id }: ImageRef, text: string): R {
  const record = parseRecord(schema, text, `the record of ${id}`);
  if (record.id === id) return record;
  throw new CodedError('RECORD_INVALID', `the record of ${id} belongs to another ${kind}`, {
    remedy: 'Somebody copied the journal entry, or the pool, under another id: restore the entry from a backup.',
  });
}
