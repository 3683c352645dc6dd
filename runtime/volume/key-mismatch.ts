import type { ImageRef } from '../device/back-end';
import { CodedError } from '../errors';

/** The KMS gave a key and the header has keyslots, but the key opens none of them. Nothing is ever formatted on this ground. */
export function noKeyOpens(image: ImageRef): CodedError {
  return new CodedError(
    'LUKS_PASSPHRASE_REJECTED',
    `the key that the KMS has for ${image.kind} ${image.id} opens no keyslot of it`,
    {
      remedy:
        'Restore the key in the KMS (an older version of it) or the LUKS2 header from its backup; nothing was changed.',
    },
  );
}
