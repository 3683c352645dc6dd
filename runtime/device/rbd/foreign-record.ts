/**
 * The record of a volume or snapshot that ceph-csi made, put together from its journal entry and its image. What ceph-csi
 * does not note has placeholders, and the record says so (`foreign`).
 */
import type * as z from 'zod';
import { defaultLuks } from '../../../lib/schema/luks-parameters';
import { CodedError } from '../../errors';
import type { ImageRef } from '../back-end';
import type { EncryptionRecord } from '../record';
import { decodeId, encodeId, isUuid } from './ids';
import { decodeMetadata, type MetadataValues } from './image-metadata';
import type { JournalEntry } from './journal';

/** What ceph-csi's arguments to luksFormat come to; it assumes this, too, where the image does not say. */
const usualHeaderBytes = 16 * 1024 * 1024;
const unknownUuid = '00000000-0000-0000-0000-000000000000';
/** Of an image that does not say when it was made. */
const unknownTime = new Date(0).toISOString();

export interface ForeignImage {
  readonly sizeBytes: number;
  /** RFC 3339, where the image says it. */
  readonly createdAt?: string;
  readonly metadata: MetadataValues;
}

/**
 * @throws CodedError REQUEST_INVALID when it is not encrypted, or not as a block device; RECORD_INVALID when no record comes
 * of it.
 */
export function foreignRecord<R>(schema: z.ZodType<R>, ref: ImageRef, entry: JournalEntry, image: ForeignImage): R {
  const kmsId = requireBlockEncryption(ref, entry);
  const { state, wrappedDek, headerBytes = usualHeaderBytes } = decodeMetadata(image.metadata);
  const parsed = schema.safeParse({
    id: ref.id,
    name: entry.name,
    createdAt: image.createdAt ?? unknownTime,
    sizeBytes: image.sizeBytes,
    ...(ref.kind === 'snapshot' && { sourceVolumeId: sourceIdOf(ref.id, entry.sourceImage ?? '') }),
    // ceph-csi notes the state last. An image without one is of a CreateVolume that was killed and will be repeated.
    complete: state !== undefined,
    encryption: {
      kmsId,
      owner: entry.owner ?? '',
      ...(wrappedDek !== undefined && { wrappedDek }),
      luksUuid: unknownUuid,
      luks: defaultLuks,
      headerBytes,
      phase: state === 'encrypted' ? 'formatted' : 'prepared',
      fsUuid: unknownUuid,
      foreign: true,
      headerInside: true,
    } satisfies EncryptionRecord,
  });
  if (parsed.success) return parsed.data;
  throw new CodedError('RECORD_INVALID', `${ref.kind} ${ref.id}, which another driver made, cannot be read`, {
    remedy: 'Compare its journal entry and the metadata of its image with those of a volume that works.',
    cause: parsed.error,
  });
}

/** Whether an entry is of an image that is encrypted as keyward does it. Before ceph-csi 3.8 entries name a KMS and no type. */
export function isBlockEncrypted({ kmsId, encryptionType = 'block' }: JournalEntry): boolean {
  return kmsId !== undefined && encryptionType === 'block';
}

function requireBlockEncryption({ kind, id }: ImageRef, entry: JournalEntry): string {
  if (entry.kmsId !== undefined && isBlockEncrypted(entry)) return entry.kmsId;
  const [why, remedy] =
    entry.encryptionType === 'file'
      ? ['has encrypted files in a plain image', 'copy its files into a volume of a class with encryptionType "block"']
      : ['is not encrypted', 'copy its files into a volume of an encrypted class'];
  throw new CodedError('REQUEST_INVALID', `${kind} ${id} ${why}, and keyward serves encrypted block devices only`, {
    remedy: `Leave it to ceph-csi, or ${remedy}.`,
  });
}

/** ceph-csi notes the image that a snapshot was taken of, whose name ends with the UUID of the volume. */
function sourceIdOf(snapshotId: string, imageName: string): string {
  const parts = decodeId(snapshotId);
  const uuid = imageName.slice(-unknownUuid.length);
  return parts && isUuid(uuid) ? encodeId({ ...parts, uuid }) : imageName;
}
