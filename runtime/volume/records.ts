/** Reading and changing the record of a volume or snapshot, whichever it is. */
import type { ImageRef } from '../device/back-end';
import type { EncryptionRecord, SnapshotRecord, VolumeRecord } from '../device/record';
import { CodedError } from '../errors';
import type { VolumeDeps } from './context';

/** A volume or snapshot with what is known of it. */
export interface Subject {
  readonly image: ImageRef;
  readonly record: VolumeRecord | SnapshotRecord;
}

/** The record of a volume that CreateVolume finished. @throws CodedError VOLUME_NOT_FOUND. */
export async function requireVolume(deps: VolumeDeps, id: string): Promise<VolumeRecord> {
  const record = await deps.backEnd.volumes.get(id);
  if (!record?.complete) throw volumeNotFound(id);
  return record;
}

/** @throws CodedError VOLUME_NOT_FOUND, SNAPSHOT_NOT_FOUND. */
export async function requireRecord(deps: VolumeDeps, image: ImageRef): Promise<VolumeRecord | SnapshotRecord> {
  const record = await (image.kind === 'volume' ? deps.backEnd.volumes : deps.backEnd.snapshots).get(image.id);
  if (!record) throw image.kind === 'volume' ? volumeNotFound(image.id) : snapshotNotFound(image.id);
  return record;
}

/** Applies `change` to the stored encryption record and gives the result. */
export async function updateEncryption(
  deps: VolumeDeps,
  image: ImageRef,
  change: (present: EncryptionRecord) => EncryptionRecord,
): Promise<EncryptionRecord> {
  const { volumes, snapshots } = deps.backEnd;
  const record =
    image.kind === 'volume'
      ? await volumes.update(image.id, (present) => ({ ...present, encryption: change(present.encryption) }))
      : await snapshots.update(image.id, (present) => ({ ...present, encryption: change(present.encryption) }));
  return record.encryption;
}

export function volumeNotFound(id: string): CodedError {
  return new CodedError('VOLUME_NOT_FOUND', `there is no volume ${id}`, {
    remedy: 'Check the id; a node-local volume is known only on the node that holds it.',
  });
}

export function snapshotNotFound(id: string): CodedError {
  return new CodedError('SNAPSHOT_NOT_FOUND', `there is no snapshot ${id}`, {
    remedy: 'Check the id; a node-local snapshot is known only on the node that holds it.',
  });
}
