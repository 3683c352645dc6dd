/**
 * Rotation of the passphrase in place (R2, design §8): new key → keyslot → test → KMS with compare-and-set → read back →
 * test what was read back → retire the old keyslot. At every instant the key in the KMS opens some keyslot.
 *
 * It works on the header alone (rotate-header.ts), so a volume may be staged and in use, or not. The volume key does not
 * change.
 */
import type { KeyHold } from '../device/back-end';
import type { Call, VolumeDeps } from './context';
import { learnHeader } from './foreign';
import { asSeen } from './inherited';
import { requireVolume, updateEncryption } from './records';
import { requireNotReencrypting } from './reencryption';
import { rotateHeader, withNewKey } from './rotate-header';
import { refreshStaged } from './staged-volume';
import { step } from './steps';

/** @throws CodedError VOLUME_NOT_FOUND, VOLUME_BUSY, LUKS_PASSPHRASE_REJECTED, KMS_*. */
export async function rotatePassphrase(deps: VolumeDeps, volumeId: string, call: Call): Promise<void> {
  await deps.locks.run(volumeId, 'EncryptionKeyRotate', async () => {
    await requireVolume(deps, volumeId);
    await deps.backEnd.exclusively(volumeId, (hold) => rotate(deps, volumeId, call, hold));
    await refreshStaged(deps, volumeId);
  });
}

async function rotate(deps: VolumeDeps, volumeId: string, call: Call, hold: KeyHold): Promise<void> {
  const { encryption } = await requireVolume(deps, volumeId);
  requireNotReencrypting({ kind: 'volume', id: volumeId }, encryption);
  const image = { kind: 'volume', id: volumeId } as const;
  if (encryption.phase === 'prepared') {
    // Before the first format no header knows the key.
    return withNewKey(deps, volumeId, encryption, call, async (key, current, newDek) => [
      step('replace-key', async () => {
        await hold.confirm();
        await key.replace(newDek, current);
      }),
      step('finish', async () => {
        const rotatedAt = deps.now().toISOString();
        await updateEncryption(deps, image, (latest) => ({ ...latest, rotatedAt }));
      }),
    ]);
  }
  await deps.backEnd.images.withHeader(image, async (path) => {
    const seen = await learnHeader(deps, volumeId, encryption, path, call);
    await rotateHeader(deps, { volumeId, encryption: await asSeen(seen, path), path, hold }, call);
  });
}
