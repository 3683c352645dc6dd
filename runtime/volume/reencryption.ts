/** What other operations need to know of a re-encryption that is under way (volume/reencrypt.ts). */
import type { ImageRef } from '../device/back-end';
import type { EncryptionRecord } from '../device/record';
import { CodedError } from '../errors';

/**
 * While a volume has two volume keys its keyslots cannot be changed, its size cannot, and a copy of it would need both.
 * @throws CodedError VOLUME_BUSY.
 */
export function requireNotReencrypting({ kind, id }: ImageRef, { reencryption }: EncryptionRecord): void {
  if (!reencryption) return;
  throw new CodedError('VOLUME_BUSY', `${kind} ${id} is being re-encrypted since ${reencryption.startedAt}`, {
    remedy: `Let it come to its end with keyward rotate ${id} --volume-key, then repeat the call.`,
  });
}
