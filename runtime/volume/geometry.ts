/** How the size of the claim, the size of the image and what the volume offers belong together (R16). */
import type { EncryptionRecord, SnapshotRecord, VolumeRecord } from '../device/record';

/** Bytes that the image needs so that the volume has its size. */
export function imageBytes(record: VolumeRecord | SnapshotRecord, sizeBytes = record.sizeBytes): number {
  return record.encryption.headerInside ? sizeBytes : sizeBytes + record.encryption.headerBytes;
}

/** Bytes of the mapping when it is as large as the volume's size promises. */
export function mappedBytes(record: VolumeRecord): number {
  return imageBytes(record) - record.encryption.headerBytes;
}

/** Whether the image holds, or may hold, what somebody wrote. Before that it was never mounted or published. */
export function holdsData({ phase, foreign }: EncryptionRecord): boolean {
  return phase === 'ready' || (foreign === true && phase !== 'prepared');
}
