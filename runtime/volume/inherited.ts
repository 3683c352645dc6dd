/** What a layered copy has from its source until its first stage (volume/copy-layered.ts, volume/own-header.ts). */
import type { EncryptionRecord, SnapshotRecord, VolumeRecord } from '../device/record';
import type { Luks2Header } from '../luks/header';
import type { VolumeDeps } from './context';
import { holdsData } from './geometry';

/**
 * What the record of a copy says from its beginning on, where the storage copies in layers. A source that holds nothing
 * makes a fresh volume: `undefined`.
 */
export function inherited(
  deps: VolumeDeps,
  source: VolumeRecord | SnapshotRecord,
): Partial<EncryptionRecord> | undefined {
  if (deps.backEnd.images.copies !== 'layers' || !holdsData(source.encryption)) return undefined;
  const { phase, fsUuid, luks, luksUuid, inheritedUuid, headerBytes, foreign } = source.encryption;
  return { phase, fsUuid, luks, headerBytes, inheritedUuid: inheritedUuid ?? luksUuid, ...(foreign && { foreign }) };
}

/** The record as it fits the header that is there now: the source's UUID until the copy has its own. */
export function asSeen(encryption: EncryptionRecord, header: Luks2Header): EncryptionRecord {
  return header.uuid === encryption.inheritedUuid ? { ...encryption, luksUuid: header.uuid } : encryption;
}
