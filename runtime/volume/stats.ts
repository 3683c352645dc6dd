/** NodeGetVolumeStats: how full the volume is, and whether it is as its record says (R6). */
import type { EncryptionRecord } from '../device/record';
import { CodedError } from '../errors';
import { readHeader } from '../luks/header';
import type { Mapping } from '../luks/mapping';
import { pinOf, verifyHeader } from '../luks/verify';
import { filesystemFault } from '../mount/fault';
import { type Amounts, filesystemUsage } from '../mount/usage';
import type { VolumeDeps } from './context';
import { mappingOf, mapsDevice } from './open';
import { volumeNotFound } from './records';
import { knownVolume } from './staged-volume';
import { isFailure } from './verifications';
import { requireVolumeAt } from './where';

export interface VolumeStats {
  readonly usage: readonly (Amounts & { readonly unit: 'bytes' | 'inodes' })[];
  readonly condition: { readonly abnormal: boolean; readonly message: string };
}

/** @throws CodedError VOLUME_NOT_FOUND when there is no such volume, or not at that path. */
export async function volumeStats(deps: VolumeDeps, id: string, path: string): Promise<VolumeStats> {
  const record = await knownVolume(deps, id);
  const mapping = await mappingOf(id);
  if (!mapping) throw volumeNotFound(`${id} at ${path}`);
  await requireVolumeAt(mapping, id, path);
  let condition = await conditionOf(deps, id, record.encryption, mapping);
  if (record.accessType === 'block') {
    return { condition, usage: [{ unit: 'bytes', total: mapping.sizeBytes, used: 0, available: 0 }] };
  }
  const fault = await filesystemFault(path);
  if (fault !== undefined && !condition.abnormal) condition = { abnormal: true, message: fault };
  const { bytes, inodes } = await filesystemUsage(path);
  return {
    condition,
    usage: [
      { unit: 'bytes', ...bytes },
      { unit: 'inodes', ...inodes },
    ],
  };
}

async function conditionOf(
  deps: VolumeDeps,
  id: string,
  encryption: EncryptionRecord,
  mapping: Mapping,
): Promise<VolumeStats['condition']> {
  const abnormal = (message: string) => ({ abnormal: true, message });
  if (mapping.suspended) return abnormal('the mapping is suspended: all reads and writes wait');
  const device = await deps.backEnd.devices.find(id);
  if (device === undefined) return abnormal('the backing device is no longer attached');
  const last = await deps.verifications.last(id);
  if (last && isFailure(last))
    return abnormal(`${last.outcome}: the key of the KMS did not open the volume at ${last.at}`);
  try {
    const header = await readHeader(device);
    // Opened by another driver, and not yet by this one: nothing is pinned.
    const pinned = encryption.foreign ? { ...encryption, ...pinOf(header) } : encryption;
    if (!(await mapsDevice(mapping, pinned, device))) return abnormal('the mapping belongs to another device');
    verifyHeader(header, pinned);
    const { kmsId, rotatedAt = 'never' } = encryption;
    const message = `LUKS2 ${header.cipher}, ${header.keySizeBits} bit, KMS ${kmsId}, key rotated: ${rotatedAt}`;
    return header.damagedCopy === undefined
      ? { abnormal: false, message }
      : abnormal(`one header copy is damaged; ${message}`);
  } catch (error) {
    if (error instanceof CodedError) return abnormal(`${error.code}: ${error.message}`);
    throw error;
  }
}
