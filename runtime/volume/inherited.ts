/** What a layered copy has from its source until its first stage (volume/copy-layered.ts, volume/own-header.ts). */
import type { EncryptionRecord, SnapshotRecord, VolumeRecord } from '../device/record';
import { readHeader } from '../luks/header';
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
export async function asSeen(encryption: EncryptionRecord, path: string): Promise<EncryptionRecord> {
  if (encryption.inheritedUuid === undefined) return encryption;
  const { uuid } = await readHeader(path);
  return uuid === encryption.inheritedUuid ? { ...encryption, luksUuid: uuid } : encryption;
}
