/**
 * Volumes that another driver (ceph-csi) made: their record says which KMS has the key, and nothing of the header. The first
 * open learns the header, and only when the volume's own key opens it; then the filesystem. From then on the volume is held
 * to what was learnt, like any other.
 */
import { randomUUID } from 'node:crypto';
import { type Probe, probe } from '../device/probe';
import type { EncryptionRecord, FsType, VolumeRecord } from '../device/record';
import { CodedError, isCoded } from '../errors';
import { type Luks2Header, readHeader } from '../luks/header';
import { pinOf, verifyForeignHeader } from '../luks/verify';
import { readSuperblock } from '../mount/filesystem';
import type { Call, VolumeDeps } from './context';
import { noKeyOpens } from './key-mismatch';
import { keyOf } from './keys';
import { updateEncryption } from './records';

/**
 * Does nothing for a volume of our own.
 * @throws CodedError LUKS_PASSPHRASE_REJECTED, LUKS_HEADER_UNSAFE, LUKS_NOT_LUKS when a volume that was formatted has no header.
 */
export async function learnHeader(
  deps: VolumeDeps,
  volumeId: string,
  encryption: EncryptionRecord,
  device: string,
  call: Call,
): Promise<EncryptionRecord> {
  if (!encryption.foreign) return encryption;
  const image = { kind: 'volume', id: volumeId } as const;
  const header = await headerUnlessNew(device, encryption);
  const isUnfinished = header !== undefined && (await isUnfinishedFormat(deps, volumeId, encryption, header, device));
  if (!header || isUnfinished) {
    // Prepared by the other driver and never used: from here on it is ours.
    return updateEncryption(deps, image, ({ foreign: _other, ...latest }) => ({
      ...latest,
      luksUuid: header?.uuid ?? randomUUID(),
      fsUuid: randomUUID(),
      phase: isUnfinished ? 'formatting' : latest.phase,
    }));
  }
  verifyForeignHeader(header);
  const { dek } = await keyOf(deps, image, encryption, call).fetch();
  try {
    if ((await deps.cryptsetup.testKey(device, dek)) === undefined) throw noKeyOpens(image);
  } finally {
    dek.zero();
  }
  const { luksUuid, ...pinned } = pinOf(header);
  return updateEncryption(deps, image, (latest) => ({
    ...latest,
    ...pinned,
    // A copy that already has a UUID of its own in its record keeps that for later.
    ...(latest.inheritedUuid === undefined ? { luksUuid } : { inheritedUuid: luksUuid }),
    phase: 'formatted',
  }));
}

async function headerUnlessNew(device: string, { phase }: EncryptionRecord): Promise<Luks2Header | undefined> {
  try {
    return await readHeader(device);
  } catch (error) {
    if (phase === 'prepared' && isCoded(error, 'LUKS_NOT_LUKS')) return undefined;
    throw error;
  }
}

/** Killed inside luksFormat: no keyslot was ever filled, so no data can have been written with the key of this header. */
async function isUnfinishedFormat(
  deps: VolumeDeps,
  volumeId: string,
  encryption: EncryptionRecord,
  { keyslots }: Luks2Header,
  device: string,
): Promise<boolean> {
  if (encryption.phase !== 'prepared' || keyslots.length > 0) return false;
  const behind = await probeBehindHeader(deps, volumeId, encryption, device);
  if (behind.state === 'unreadable') throw behind.error;
  return behind.state === 'blank';
}

async function probeBehindHeader(
  deps: VolumeDeps,
  id: string,
  { headerBytes }: EncryptionRecord,
  device: string,
): Promise<Probe> {
  // When the storage itself says that something was written, samples are no proof that nothing is there.
  const whole = (await deps.backEnd.images.isUnwritten({ kind: 'volume', id })) === false;
  return probe(deps.run, device, { fromByte: headerBytes, whole });
}

export interface LearntFilesystem {
  readonly fsType: FsType;
  readonly fsUuid: string;
  /** Whether it is there; otherwise it is to be made. */
  readonly exists: boolean;
}

/**
 * The filesystem on the opened volume. None at all may be made only where nothing was ever written behind the header.
 * @throws CodedError FILESYSTEM_FOREIGN when something is there that is no filesystem we know.
 */
export async function learnFilesystem(
  deps: VolumeDeps,
  record: VolumeRecord,
  device: string,
  mapped: string,
): Promise<LearntFilesystem> {
  const found = await readSuperblock(mapped);
  if (found?.type === 'ext4' || found?.type === 'xfs') return { fsType: found.type, fsUuid: found.uuid, exists: true };
  if (found) throw unknownContent(record, found.type);
  const behind = await probeBehindHeader(deps, record.id, record.encryption, device);
  if (behind.state === 'blank') return { fsType: record.fsType ?? 'ext4', fsUuid: randomUUID(), exists: false };
  if (behind.state === 'unreadable') throw behind.error;
  throw unknownContent(record, 'data');
}

function unknownContent({ id }: VolumeRecord, found: string): CodedError {
  return new CodedError('FILESYSTEM_FOREIGN', `volume ${id} holds ${found}, and neither ext4 nor xfs`, {
    remedy: 'Open it by hand to see what it is, or use it as a block volume. Nothing was written.',
  });
}
