/** Our own record of a finished volume or snapshot, seen together with its image, on which another driver may have worked. */
import type { SnapshotRecord, VolumeRecord } from '../record';
import type { ForeignImage } from './foreign-record';
import { decodeMetadata } from './image-metadata';

/** The record as callers are to see it. */
export function withImage<R extends VolumeRecord | SnapshotRecord>(record: R, image: ForeignImage | undefined): R {
  if (!image) return record;
  const { encryption } = record;
  const { state, wrappedDek } = decodeMetadata(image.metadata);
  const { headerInside, headerBytes } = encryption;
  const offeredBytes = image.sizeBytes - (headerInside ? 0 : headerBytes);
  const wrapped = encryption.wrappedDek ?? wrappedDek;
  // We note the format in the record first. Where only the image knows of it, another driver formatted, with its own UUID.
  const formattedByOther = !isFormatted(record) && state === 'encrypted';
  return {
    ...record,
    // Another driver enlarges the image alone.
    sizeBytes: Math.max(record.sizeBytes, offeredBytes),
    encryption: {
      ...encryption,
      ...(wrapped !== undefined && { wrappedDek: wrapped }),
      ...(formattedByOther && { phase: 'formatted', foreign: true }),
    },
  };
}

export function isFormatted({ encryption }: VolumeRecord | SnapshotRecord): boolean {
  return encryption.phase === 'formatted' || encryption.phase === 'ready';
}

/** The record as it is stored once the wrapped key is at the image. */
export function withoutWrappedDek<R extends VolumeRecord | SnapshotRecord>(record: R): R {
  const { wrappedDek: _atTheImage, ...encryption } = record.encryption;
  return { ...record, encryption };
}
