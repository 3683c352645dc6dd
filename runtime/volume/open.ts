/** Opening the LUKS2 volume on an attached device: the header first, because it is not trusted (design §10), then the mapping. */
import { stat } from 'node:fs/promises';
import { blockSizeBytes, deviceNumber } from '../device/block-size';
import { probe } from '../device/probe';
import type { EncryptionRecord } from '../device/record';
import { CodedError, isCoded } from '../errors';
import { type Luks2Header, readHeader } from '../luks/header';
import {
  findMapping,
  type Mapping,
  mappingDevice,
  mappingName,
  mappingNameIfAny,
  resumeMapping,
} from '../luks/mapping';
import { verifyHeader } from '../luks/verify';
import type { Secret } from '../secret';
import type { VolumeDeps } from './context';

/** The volume's mapping on this node, when it is open. An id that cannot name a mapping has none. */
export async function mappingOf(volumeId: string): Promise<Mapping | undefined> {
  const name = mappingNameIfAny(volumeId);
  return name === undefined ? undefined : findMapping(name);
}

/**
 * Reads the header of an initialised volume or snapshot, and trusts nothing of it that its record does not say.
 * @throws CodedError DEVICE_LOST_DATA when a volume that was initialised reads as blank; LUKS_HEADER_FOREIGN,
 * LUKS_HEADER_UNSAFE, LUKS_HEADER_INVALID, LUKS_NOT_LUKS.
 */
export async function requireSoundHeader(
  deps: VolumeDeps,
  volumeId: string,
  encryption: EncryptionRecord,
  device: string,
): Promise<Luks2Header> {
  try {
    const header = await readHeader(device);
    verifyHeader(header, encryption);
    if (header.damagedCopy !== undefined) {
      // cryptsetup writes it anew from the other whenever it opens or changes the header.
      deps.log.warn('one of the two copies of the LUKS2 header is damaged; the next open repairs it', {
        volumeId,
        detail: header.damagedCopy,
      });
    }
    return header;
  } catch (error) {
    if (!isCoded(error, 'LUKS_NOT_LUKS')) throw error;
    if ((await probe(deps.run, device)).state !== 'blank') throw error;
    throw new CodedError(
      'DEVICE_LOST_DATA',
      `volume ${volumeId} was initialised before, but ${device} reads as zeros`,
      {
        remedy:
          'The storage lost the data or attached another device. Nothing was written; restore the device or a snapshot.',
        cause: error,
      },
    );
  }
}

/**
 * Opens the volume, or takes the mapping that is open after checking what it maps, and makes it as large as the device.
 * @returns the path of the mapped device.
 * @throws CodedError LUKS_PASSPHRASE_REJECTED, LUKS_MAPPING_CONFLICT.
 */
export async function openMapping(
  deps: VolumeDeps,
  volumeId: string,
  encryption: EncryptionRecord,
  device: string,
  dek: Secret,
): Promise<string> {
  const name = mappingName(volumeId);
  await requireNotWaiting(name);
  const present = await takeOwnMapping(deps, volumeId, encryption, device);
  if (!present) {
    const { discards = false, noReadWorkqueue = false, noWriteWorkqueue = false } = encryption.luks;
    await deps.cryptsetup.open({ device, name, dek, discards, noReadWorkqueue, noWriteWorkqueue });
    return mappingDevice(name);
  }
  if (present.suspended) await resumeMapping(deps.run, name);
  const isResizable = encryption.luks.integrity === undefined;
  if (isResizable && present.sizeBytes < (await blockSizeBytes(device)) - encryption.headerBytes) {
    await deps.cryptsetup.resize(name);
  }
  return present.device;
}

/** @throws CodedError VOLUME_BUSY when the mapping waits for a re-encryption that was interrupted. */
async function requireNotWaiting(name: string): Promise<void> {
  const present = await findMapping(name);
  if (!present?.suspended || present.lower === undefined) return;
  throw new CodedError('VOLUME_BUSY', `${present.device} waits for its re-encryption, which was interrupted`, {
    remedy: 'Go on with keyward rotate VOLUME --volume-key.',
  });
}

/**
 * The volume's open mapping over the attached device. One over another device would read and write a stranger's data (R1):
 * it is closed.
 */
async function takeOwnMapping(
  deps: VolumeDeps,
  volumeId: string,
  encryption: EncryptionRecord,
  device: string,
): Promise<Mapping | undefined> {
  const present = await findMapping(mappingName(volumeId));
  if (!present || (await mapsDevice(present, encryption, device))) return present;
  try {
    if (present.suspended) await resumeMapping(deps.run, present.name);
    await deps.cryptsetup.close(present.name);
    deps.log.warn('closed a mapping whose backing device was not the attached one', { volumeId, path: device });
    return undefined;
  } catch (cause) {
    throw new CodedError('LUKS_MAPPING_CONFLICT', `${present.device} is in use over another device than ${device}`, {
      remedy: 'Unmount what is mounted from it; the next call closes and reopens it.',
      cause,
    });
  }
}

/** Whether the mapping is the volume's own, over the device that is attached now. */
export async function mapsDevice(mapping: Mapping, encryption: EncryptionRecord, device: string): Promise<boolean> {
  const attached = deviceNumber((await stat(device)).rdev);
  return mapping.luksUuid === encryption.luksUuid && mapping.backingDevice === attached;
}
