/** Writes a changed record to all its places, in an order in which a kill between any two leaves something readable. */
import type { ImageRef } from '../back-end';
import type { SnapshotRecord, VolumeRecord } from '../record';
import { changeMetadata } from './image-header';
import { changeOf, decodeMetadata, type MetadataValues, type MetadataWish } from './image-metadata';
import { encodeEntry, recordKey } from './journal';
import { isFormatted, withoutWrappedDek } from './own-record';
import { readImage, type Stored, type StoredImage } from './stored-record';

export interface Replacement<R> {
  readonly kind: ImageRef['kind'];
  /** As it was read. */
  readonly stored: Stored<R>;
  readonly changed: R;
  /** @throws CodedError RECORD_INVALID for what could not be read back. */
  readonly serialise: (record: R) => string;
  /** Metadata for people, written when the record becomes complete. */
  readonly labels?: MetadataValues;
}

/**
 * False: somebody else has written since it was read. A finished record is written in three steps:
 *
 * 1. at the image, what a volume must not be without: the wrapped key, the state, the size of the header;
 * 2. the record;
 * 3. at the image, that it is formatted: were this there first, the format would pass for another driver's.
 *
 * @throws Error when the wrapped key of a finished volume is changed along with something else: that is two objects, and
 * one of the changes could be lost.
 */
export async function replaceStored<R extends VolumeRecord | SnapshotRecord>(it: Replacement<R>): Promise<boolean> {
  const { stored, changed } = it;
  const image = changed.complete ? (stored.image ?? (await readImage(stored.found))) : undefined;
  if (!image) return writeRecord(it, changed, undefined);

  const atRest = withoutWrappedDek(changed);
  const restChanges = it.serialise(atRest) !== it.serialise(withoutWrappedDek(stored.record));
  if (restChanges && stored.record.complete && keyChanges(it)) {
    throw new Error('the wrapped key of a finished volume was to be changed along with something else');
  }
  if (!(await writeMetadata(it, image, wishBefore(it, image)))) return false;
  const toStore = restChanges || stored.own?.encryption.wrappedDek !== undefined;
  if (toStore && !(await writeRecord(it, atRest, image))) return false;
  // Whoever was quicker wrote the same: nothing but this state follows from a format.
  if (isFormatted(changed) && stored.record.complete) await writeMetadata(it, image, { state: 'encrypted' });
  return true;
}

function wishBefore<R extends VolumeRecord | SnapshotRecord>(it: Replacement<R>, image: StoredImage): MetadataWish {
  const { stored, changed, labels } = it;
  const { wrappedDek, headerBytes } = changed.encryption;
  const { state } = decodeMetadata(image.metadata);
  if (!stored.record.complete) {
    // A clone came with the metadata of its source: all of it is replaced.
    const ownState = isFormatted(changed) ? 'encrypted' : 'encryptionPrepared';
    return { state: ownState, wrappedDek: wrappedDek ?? null, headerBytes, ...(labels && { labels }) };
  }
  return {
    ...(state === undefined && !isFormatted(changed) && { state: 'encryptionPrepared', headerBytes }),
    // Also where it did not change: it may still be in the record alone.
    ...((wrappedDek !== undefined || keyChanges(it)) && { wrappedDek: wrappedDek ?? null }),
  };
}

function keyChanges<R extends VolumeRecord | SnapshotRecord>({ stored, changed }: Replacement<R>): boolean {
  return changed.encryption.wrappedDek !== stored.record.encryption.wrappedDek;
}

async function writeMetadata<R>(
  { stored }: Replacement<R>,
  { imageId, metadata }: StoredImage,
  wish: MetadataWish,
): Promise<boolean> {
  const change = changeOf(metadata, wish);
  return !change || changeMetadata(stored.found.pool.objects, imageId, change);
}

function writeRecord<R extends VolumeRecord | SnapshotRecord>(
  { kind, stored: { found, record }, changed, serialise }: Replacement<R>,
  toStore: R,
  image: StoredImage | undefined,
): Promise<boolean> {
  const { kmsId, owner } = changed.encryption;
  const entry = {
    ...found.entry,
    ...(image && { imageId: image.imageId }),
    // Only what this change changes: ceph-csi's tools may have given the volume another owner since.
    ...(kmsId !== record.encryption.kmsId && { kmsId }),
    ...(owner !== record.encryption.owner && { owner }),
  };
  return found.pool.objects.change(found.object, {
    // What was forgotten meanwhile stays forgotten.
    mustExist: true,
    expect: new Map([[recordKey, found.record]]),
    set: encodeEntry(kind, entry).set(recordKey, serialise(toStore)),
  });
}
