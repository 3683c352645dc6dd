/**
 * The first use of a volume: prove that the device is blank, format it with LUKS2, prove that the key opens it. Which of
 * these is permitted is decided by the phase in the record (R1); what the device shows can only forbid.
 */

import { probe } from '../device/probe';
import type { EncryptionRecord } from '../device/record';
import { CodedError, isCoded } from '../errors';
import { type Luks2Header, readHeader } from '../luks/header';
import type { Secret } from '../secret';
import type { VolumeDeps } from './context';
import { noKeyOpens } from './key-mismatch';
import { updateEncryption } from './records';
import { writeToken } from './token';

/**
 * Brings the device from `prepared` or `formatting` to `formatted`; does nothing from there on.
 * @param open Opens what was formatted, for whoever wants it open anyway: that proves the key, too.
 * @throws CodedError DEVICE_NOT_EMPTY, DEVICE_UNREADABLE, LUKS_HEADER_FOREIGN, LUKS_PASSPHRASE_REJECTED.
 */
export async function initialise(
  deps: VolumeDeps,
  volumeId: string,
  encryption: EncryptionRecord,
  device: string,
  dek: Secret,
  open?: (record: EncryptionRecord) => Promise<unknown>,
): Promise<EncryptionRecord> {
  const image = { kind: 'volume', id: volumeId } as const;
  let record = encryption;
  const isBlank = record.phase === 'prepared';
  if (isBlank) {
    await requireBlank(deps, volumeId, device);
    record = await updateEncryption(deps, image, (latest) => ({ ...latest, phase: 'formatting' }));
  }
  if (record.phase === 'formatting') {
    // What was proven a moment ago is not asked again; only who comes back to an unfinished format has to look.
    const header = isBlank ? undefined : await headerIfAny(device);
    if (header) requireOurs(volumeId, header, record);
    else if (!isBlank) await requireNothingBehindHeader(deps, volumeId, device, record);
    // A kill inside luksFormat leaves our header with no keyslot yet: as blank as before, and formatted again. With integrity
    // protection the header is whole before all of the data has its tags, and nothing tells how far that came.
    const isToFormat = !header || header.keyslots.length === 0 || record.luks.integrity !== undefined;
    if (isToFormat) await deps.cryptsetup.format({ device, uuid: record.luksUuid, luks: record.luks, dek });
    // With integrity protection the next call, after a kill, formats again, and can only do that while nothing is open.
    if (open && isToFormat && record.luks.integrity === undefined) await open(record);
    else if ((await deps.cryptsetup.testKey(device, dek)) === undefined) throw noKeyOpens(image);
    await writeToken(deps, image, record, device);
    record = await updateEncryption(deps, image, (latest) => ({ ...latest, phase: 'formatted' }));
  }
  return record;
}

async function requireBlank(deps: VolumeDeps, volumeId: string, device: string): Promise<void> {
  const found = await probe(deps.run, device, await howToProbe(deps, volumeId));
  if (found.state !== 'blank')
    throw found.state === 'unreadable' ? found.error : notEmpty(volumeId, device, found.found);
}

/**
 * After a kill inside luksFormat the header area may hold a part of a header that is not recognised. That is ours only when
 * nothing at all stands behind the header area, where luksFormat never writes.
 */
async function requireNothingBehindHeader(
  deps: VolumeDeps,
  volumeId: string,
  device: string,
  record: EncryptionRecord,
): Promise<void> {
  const found = await probe(deps.run, device, {
    fromByte: record.headerBytes,
    ...(await howToProbe(deps, volumeId)),
  });
  if (found.state !== 'blank')
    throw found.state === 'unreadable' ? found.error : notEmpty(volumeId, device, found.found);
}

/** When the storage itself says that something was written, samples are no proof that nothing is there. */
async function howToProbe(deps: VolumeDeps, id: string): Promise<{ readonly whole: boolean }> {
  return { whole: (await deps.backEnd.images.isUnwritten({ kind: 'volume', id })) === false };
}

function requireOurs(volumeId: string, header: Luks2Header, record: EncryptionRecord): void {
  if (header.uuid === record.luksUuid) return;
  throw new CodedError(
    'LUKS_HEADER_FOREIGN',
    `the device of volume ${volumeId} carries the LUKS2 header ${header.uuid}, not ${record.luksUuid}`,
    {
      remedy: 'The device is not the one that was made for this volume; find out whose it is. Nothing was written.',
    },
  );
}

function notEmpty(volumeId: string, device: string, found: string): CodedError {
  return new CodedError(
    'DEVICE_NOT_EMPTY',
    `volume ${volumeId} was never formatted, but ${device} is not blank: ${found}`,
    {
      remedy:
        'The device holds data of somebody; keyward never formats over data. Attach the right device or wipe this one by hand.',
    },
  );
}

async function headerIfAny(device: string): Promise<Luks2Header | undefined> {
  try {
    return await readHeader(device);
  } catch (error) {
    if (isCoded(error, 'LUKS_NOT_LUKS', 'LUKS_HEADER_INVALID')) return undefined;
    throw error;
  }
}
