/**
 * Copies an image by the storage itself, from any node and without opening anything: the copy has the header of its source.
 * So the source's key of that instant is handed on: it becomes the copy's key in the copy's own KMS (R13), and the first
 * stage of the copy replaces it by one of its own (volume/own-header.ts). ceph-csi hands keys on in the same way, so either
 * driver can go on from here at any moment.
 */
import { CodedError } from '../errors';
import type { Call, VolumeDeps } from './context';
import { keyOf } from './keys';
import type { Subject } from './records';

const attempts = 3;

/**
 * Key first, then the image, then a look whether the source still had that key: a rotation retires the old keyslot only
 * after the KMS has the new key, so a copy made while the KMS still had the old one opens with it.
 * Can be killed anywhere and called again until the copy is complete.
 * @throws CodedError VOLUME_BUSY when the source's key changes all the time.
 */
export async function copyLayered(deps: VolumeDeps, from: Subject, to: Subject, call: Call): Promise<void> {
  const { images } = deps.backEnd;
  const sourceKey = () => keyOf(deps, from.image, from.record.encryption, call).fetch();
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const before = await sourceKey();
    try {
      // A copy that an earlier try made opens with the key that was noted for it then.
      if (await keyOf(deps, to.image, to.record.encryption, call).adopt(before.dek)) await images.remove(to.image);
      await images.copy(from.image, to.image, call.signal);
      const after = await sourceKey();
      try {
        if (after.dek.equals(before.dek)) return;
      } finally {
        after.dek.zero();
      }
    } finally {
      before.dek.zero();
    }
  }
  throw new CodedError('VOLUME_BUSY', `the key of ${from.image.kind} ${from.image.id} changes while it is copied`, {
    remedy: 'Repeat the call when its rotation has ended.',
  });
}
