/** A copy of a volume or snapshot that opens with a key of its own KMS entry, however the back end copies. */
import type { ImageRef } from '../device/back-end';
import type { SnapshotRecord, VolumeRecord } from '../device/record';
import type { Call, VolumeDeps } from './context';
import { copyEncrypted } from './copy-encrypted';
import { copyLayered } from './copy-layered';
import { updateEncryption } from './records';

export interface Subject {
  readonly image: ImageRef;
  readonly record: VolumeRecord | SnapshotRecord;
}

/** Can be killed anywhere and called again until the copy is complete. A source without data leaves no image. */
export async function copyImage(deps: VolumeDeps, from: Subject, to: Subject, call: Call): Promise<void> {
  if (deps.backEnd.images.copies === 'bytes') {
    const { phase, fsUuid } = await copyEncrypted(deps, from, to, call);
    await updateEncryption(deps, to.image, (latest) => ({ ...latest, phase, fsUuid }));
  } else if (to.record.encryption.inheritedUuid !== undefined) {
    await copyLayered(deps, from, to, call);
  }
}
