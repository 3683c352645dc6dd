/** How the size of the claim, the size of the image and what the volume offers belong together (R16). */
import type { EncryptionRecord, SnapshotRecord, VolumeRecord } from '../device/record';

/** Bytes that the image needs so that the volume has its size. */
export function imageBytes(record: VolumeRecord | SnapshotRecord, sizeBytes = record.sizeBytes): number {
  return record.encryption.headerInside ? sizeBytes : sizeBytes + record.encryption.headerBytes;
}

/** Least bytes of the mapping when it is as large as the volume's size promises. Tags of integrity take a part that varies. */
export function mappedBytes(record: VolumeRecord): number {
  const { luks, headerBytes } = record.encryption;
  return luks.integrity === undefined ? imageBytes(record) - headerBytes : 0;
}

/** Whether the image holds, or may hold, what somebody wrote. Before that it was never mounted or published. */
export function holdsData({ phase, foreign }: EncryptionRecord): boolean {
  return phase === 'ready' || (foreign === true && phase !== 'prepared');
}
