/** dm-integrity below dm-crypt: each sector carries a tag that tells whether somebody changed it on the storage. */
import type { LuksParameters } from '../../lib/schema/volume-parameters';
import { CodedError } from '../errors';

/** It adds a key of its own to the volume key; the sizes are those of its algorithms. */
export const integrityKeyBits = { 'hmac-sha256': 256, 'hmac-sha512': 512 } as const;

export const cannotGrow =
  'A volume with integrity protection keeps its size: make a larger one and copy the data, or restore a snapshot without it.';

/**
 * The layout of the tags is fixed at the format, so cryptsetup refuses to resize the mapping. To be asked before the image
 * is made larger, which cannot be taken back.
 * @throws CodedError REQUEST_INVALID.
 */
export function requireResizable(volumeId: string, { integrity }: LuksParameters): void {
  if (integrity === undefined) return;
  throw new CodedError('REQUEST_INVALID', `volume ${volumeId} has integrity protection (${integrity})`, {
    remedy: cannotGrow,
  });
}
