/**
 * Copies an image and gives the copy a key of its own (R13): afterwards the source's key opens no keyslot of the copy and
 * the copy's LUKS UUID is its own. The volume key inside is the source's, because only re-encryption could change that.
 */
import type { EncryptionRecord } from '../device/record';
import { isCoded } from '../errors';
import { readHeader } from '../luks/header';
import { verifyHeader } from '../luks/verify';
import type { Secret } from '../secret';
import type { Call, VolumeDeps } from './context';
import { noKeyOpens } from './key-mismatch';
import { keyOf } from './keys';
import { freeKeyslot } from './keyslots';
import { requireSoundHeader } from './open';
import { quiesced } from './quiesce';
import type { Subject } from './records';
import { writeToken } from './token';

/**
 * For back ends that copy bytes. Answers how far the copy has come: a source that was never formatted holds nothing, so
 * its copy begins fresh. Can be killed anywhere and called again until the copy is complete.
 */
export async function copyEncrypted(
  deps: VolumeDeps,
  from: Subject,
  to: Subject,
  call: Call,
): Promise<EncryptionRecord> {
  return deps.locks.run(from.image.id, `copy to ${to.image.kind} ${to.image.id}`, async () => {
    const source = from.record.encryption;
    const target = to.record.encryption;
    if (source.phase !== 'ready') return target;
    // An earlier try found the source empty and made an empty image; that instant is the one that counts.
    if ((await deps.backEnd.images.isUnwritten(to.image)) === true) return target;
    await deps.backEnd.images.withHeader(from.image, (path) => requireSoundHeader(deps, from.image.id, source, path));
    const copyAndRekey = async () => {
      await quiesced(deps, from.image, () => deps.backEnd.images.copy(from.image, to.image, call.signal));
      await rekey(deps, from, to, call);
    };
    try {
      await copyAndRekey();
    } catch (error) {
      if (!isCoded(error, 'LUKS_PASSPHRASE_REJECTED')) throw error;
      // The copy is of an earlier try, and the key of its source was rotated since. Nothing was ever written to it.
      await deps.backEnd.images.remove(to.image);
      await copyAndRekey();
    }
    return { ...target, phase: 'ready', fsUuid: source.fsUuid };
  });
}

function rekey(deps: VolumeDeps, from: Subject, to: Subject, call: Call): Promise<void> {
  return deps.backEnd.images.withHeader(to.image, (path) => rekeyAt(deps, from, to, path, call));
}

async function rekeyAt(deps: VolumeDeps, from: Subject, to: Subject, path: string, call: Call): Promise<void> {
  const own = await keyOf(deps, to.image, to.record.encryption, call).fetch();
  try {
    const slot = (await deps.cryptsetup.testKey(path, own.dek)) ?? (await addOwnKey(deps, from, path, own.dek, call));
    for (const other of (await readHeader(path)).keyslots.filter((each) => each.id !== slot)) {
      await deps.cryptsetup.killSlot(path, other.id, own.dek);
    }
  } finally {
    own.dek.zero();
  }
  const header = await readHeader(path);
  if (header.uuid !== to.record.encryption.luksUuid) await deps.cryptsetup.setUuid(path, to.record.encryption.luksUuid);
  await writeToken(deps, to.image, to.record.encryption, path);
}

async function addOwnKey(deps: VolumeDeps, from: Subject, path: string, dek: Secret, call: Call): Promise<number> {
  const header = await readHeader(path);
  const { encryption } = from.record;
  verifyHeader(header, encryption);
  const source = await keyOf(deps, from.image, encryption, call).fetch();
  try {
    if ((await deps.cryptsetup.testKey(path, source.dek)) === undefined) throw noKeyOpens(from.image);
    const keyslot = freeKeyslot(header);
    await deps.cryptsetup.addKey({ device: path, authDek: source.dek, newDek: dek, keyslot, luks: encryption.luks });
    return keyslot;
  } finally {
    source.dek.zero();
  }
}
