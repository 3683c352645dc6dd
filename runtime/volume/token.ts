/** The token that makes a volume self-describing (design §7): written into its header, without any secret. */
import type { ImageRef } from '../device/back-end';
import type { EncryptionRecord } from '../device/record';
import { readHeader } from '../luks/header';
import { encodeToken, type KeywardToken, keywardTokenId } from '../luks/token';
import type { VolumeDeps } from './context';

/** Writes or replaces the token so that it names the keyslots that exist now. */
export async function writeToken(
  deps: VolumeDeps,
  image: ImageRef,
  encryption: EncryptionRecord,
  path: string,
): Promise<void> {
  const header = await readHeader(path);
  const token: KeywardToken = {
    kmsId: encryption.kmsId,
    keyReference: image.id,
    luksUuid: encryption.luksUuid,
    keyslots: header.keyslots.map((each) => each.id),
    ...(encryption.rotatedAt !== undefined && { rotatedAt: encryption.rotatedAt }),
    ...(encryption.reencryptedAt !== undefined && { reencryptedAt: encryption.reencryptedAt }),
    ...(encryption.reencryption && { reencryptingSince: encryption.reencryption.startedAt }),
  };
  await deps.cryptsetup.importToken(path, encodeToken(token), keywardTokenId, { replace: true });
}
