/**
 * A layered copy begins with the header of its source (volume/copy-layered.ts). At its first stage it gets a key and a UUID
 * of its own: afterwards the source's key opens no keyslot of it (R13). The volume key inside is the source's, because only
 * re-encryption could change that.
 */
import type { EncryptionRecord } from '../device/record';
import { readHeader } from '../luks/header';
import type { Call, VolumeDeps } from './context';
import { asSeen } from './inherited';
import { keyOf } from './keys';
import { updateEncryption } from './records';
import { rotateHeader } from './rotate-header';

/** Does nothing for a volume that is no copy, or has its own header. The mapping must not be open. Can be killed and repeated. */
export async function takeOwnHeader(
  deps: VolumeDeps,
  volumeId: string,
  encryption: EncryptionRecord,
  device: string,
  call: Call,
): Promise<EncryptionRecord> {
  if (encryption.inheritedUuid === undefined) return encryption;
  await deps.backEnd.exclusively(volumeId, async (hold) => {
    const header = await readHeader(device);
    if (header.uuid !== encryption.inheritedUuid) return;
    await rotateHeader(deps, { volumeId, encryption: await asSeen(encryption, device), path: device, hold }, call);
    await hold.confirm();
    await keepOwnKeyslotOnly(deps, volumeId, encryption, device, call);
    await hold.confirm();
    await deps.cryptsetup.setUuid(device, encryption.luksUuid);
  });
  return updateEncryption(deps, { kind: 'volume', id: volumeId }, ({ inheritedUuid: _source, ...latest }) => latest);
}

/** What an operator had added to the source does not open the copy. */
async function keepOwnKeyslotOnly(
  deps: VolumeDeps,
  volumeId: string,
  encryption: EncryptionRecord,
  device: string,
  call: Call,
): Promise<void> {
  const { dek } = await keyOf(deps, { kind: 'volume', id: volumeId }, encryption, call).fetch();
  try {
    const own = await deps.cryptsetup.testKey(device, dek);
    for (const { id } of (await readHeader(device)).keyslots) {
      if (id !== own) await deps.cryptsetup.killSlot(device, id, dek);
    }
  } finally {
    dek.zero();
  }
}
