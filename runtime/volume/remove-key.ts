/** Removes the key of a volume that is being deleted, or lists it where its tenant's identity cannot reach it any more. */
import type { ImageRef } from '../device/back-end';
import type { EncryptionRecord } from '../device/record';
import { KeyOutOfReach } from '../kms/tenant-directory';
import type { Call, VolumeDeps } from './context';
import { keyOf } from './keys';

/**
 * Deletion must not wait for a tenant that is gone for good (R14), and no other identity may be used in its place. So
 * the volume goes, and the key is kept track of until an operator sweeps it.
 * @throws CodedError KMS_*: nothing that a repeated call could not mend is listed.
 */
export async function removeKey(
  deps: VolumeDeps,
  image: ImageRef,
  encryption: EncryptionRecord,
  call: Call,
): Promise<void> {
  const { kmsId, owner, keyLocation: location } = encryption;
  const { id: volumeId } = image;
  try {
    await keyOf(deps, image, encryption, call).remove();
    await deps.orphans.forget({ kmsId, volumeId });
  } catch (error) {
    if (!(error instanceof KeyOutOfReach)) throw error;
    // The place is written down before the key is made: without a place there never was a key.
    if (!location) return;
    await deps.orphans.add({
      kmsId,
      volumeId,
      owner,
      location,
      reason: error.message,
      since: deps.now().toISOString(),
    });
    deps.log.warn('the key stays at the KMS, see: keyward keys orphans', { volumeId, kmsId, error });
  }
}
