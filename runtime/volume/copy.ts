/** A copy of a volume or snapshot that opens with a key of its own KMS entry, however the back end copies. */
import type { Call, VolumeDeps } from './context';
import { copyEncrypted } from './copy-encrypted';
import { copyLayered } from './copy-layered';
import { type Subject, updateEncryption } from './records';
import { requireNotReencrypting } from './reencryption';

/** Can be killed anywhere and called again until the copy is complete. A source without data leaves no image. */
export async function copyImage(deps: VolumeDeps, from: Subject, to: Subject, call: Call): Promise<void> {
  requireNotReencrypting(from.image, from.record.encryption);
  if (deps.backEnd.images.copies === 'bytes') {
    const { phase, fsUuid } = await copyEncrypted(deps, from, to, call);
    await updateEncryption(deps, to.image, (latest) => ({ ...latest, phase, fsUuid }));
  } else if (to.record.encryption.inheritedUuid !== undefined) {
    await copyLayered(deps, from, to, call);
  }
}
