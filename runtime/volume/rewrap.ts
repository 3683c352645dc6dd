/**
 * The share of one volume or snapshot in the rotation of a KEK: its key is wrapped again with the newest version, so that
 * older ones can be retired. The key itself, the header and the data stay as they are.
 */
import type { ImageRef } from '../device/back-end';
import type { Call, VolumeDeps } from './context';
import { keyOf } from './keys';
import { requireRecord, updateEncryption } from './records';
import { refreshStaged } from './staged-volume';
import { runSteps, step } from './steps';

/**
 * @returns whether the wrapped key changed. False where it has the newest version already, and where the KMS keeps keys
 * itself or has one KEK only.
 * @throws CodedError VOLUME_NOT_FOUND, SNAPSHOT_NOT_FOUND, VOLUME_BUSY, KMS_*.
 */
export async function rewrapKey(deps: VolumeDeps, image: ImageRef, call: Call): Promise<boolean> {
  return deps.locks.run(image.id, 'RewrapKey', async () => {
    let changed = false;
    await deps.backEnd.exclusively(image.id, () =>
      runSteps(
        [
          step('rewrap', async () => {
            const { encryption } = await requireRecord(deps, image);
            changed = await keyOf(deps, image, encryption, call).rewrap();
          }),
          step('note', async () => {
            const rewrappedAt = deps.now().toISOString();
            if (changed) await updateEncryption(deps, image, (latest) => ({ ...latest, rewrappedAt }));
          }),
        ],
        { operation: 'rewrap', volumeId: image.id, log: deps.log, signal: call.signal },
      ),
    );
    if (image.kind === 'volume') await refreshStaged(deps, image.id);
    return changed;
  });
}
