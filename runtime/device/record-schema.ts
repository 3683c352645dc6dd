/** Reads a stored record: unknown text in, a checked {@link VolumeRecord} or {@link SnapshotRecord} out. */
import * as z from 'zod';
import { luksSettings } from '../../lib/schema/luks-parameters';
import { CodedError } from '../errors';
import { keyLocationSchema } from '../key-location';
import type { SnapshotRecord, VolumeRecord } from './record';

const text = z.string().max(4096);
const name = text.min(1);
const size = z.int().positive();
const timestamp = z.iso.datetime({ offset: true });
const keyslot = z.int().min(0).max(31);

const encryption = z.strictObject({
  kmsId: name,
  owner: text,
  keyLocation: keyLocationSchema.exactOptional(),
  wrappedDek: z.string().max(65_536).exactOptional(),
  luksUuid: z.guid(),
  luks: luksSettings,
  headerBytes: size,
  phase: z.enum(['prepared', 'formatting', 'formatted', 'ready']),
  fsUuid: z.guid(),
  rotation: z
    .strictObject({
      oldKeyslot: keyslot,
      newKeyslot: keyslot,
      orphanKeyslots: z.array(keyslot).max(32).readonly().exactOptional(),
      startedAt: timestamp,
      claim: z.guid().exactOptional(),
    })
    .exactOptional(),
  rotatedAt: timestamp.exactOptional(),
  rewrappedAt: timestamp.exactOptional(),
  reencryption: z.strictObject({ oldKeyslot: keyslot, startedAt: timestamp }).exactOptional(),
  reencryptedAt: timestamp.exactOptional(),
  foreign: z.literal(true).exactOptional(),
  inheritedUuid: z.guid().exactOptional(),
  headerInside: z.literal(true).exactOptional(),
});

const common = {
  id: name,
  name,
  createdAt: timestamp,
  sizeBytes: size,
  accessType: z.enum(['mount', 'block']).exactOptional(),
  fsType: z.enum(['ext4', 'xfs']).exactOptional(),
  mkfsOptions: text.exactOptional(),
  className: text.exactOptional(),
  complete: z.boolean(),
  encryption,
} as const;

export const volumeRecordSchema = z.strictObject({
  ...common,
  source: z.strictObject({ kind: z.enum(['volume', 'snapshot']), id: name }).exactOptional(),
}) satisfies z.ZodType<VolumeRecord>;

export const snapshotRecordSchema = z.strictObject({
  ...common,
  sourceVolumeId: name,
}) satisfies z.ZodType<SnapshotRecord>;

/** @param subject What the text is, for the error; the text itself is never quoted. @throws CodedError RECORD_INVALID. */
export function parseRecord<R>(schema: z.ZodType<R>, content: string, subject: string): R {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw invalid(subject, 'it is not JSON', cause);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(subject, `field ${parsed.error.issues[0]?.path.join('.') || '(whole)'} is malformed`, parsed.error);
}

function invalid(subject: string, why: string, cause: unknown): CodedError {
  return new CodedError('RECORD_INVALID', `${subject} cannot be read: ${why}`, {
    remedy: 'Restore the file from a backup; the LUKS2 header of the volume names its key (keyward inspect).',
    cause,
  });
}
