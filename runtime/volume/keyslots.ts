import { CodedError } from '../errors';
import type { Luks2Header } from '../luks/header';

/** What LUKS2 allows at most; a header with a smaller keyslot area holds fewer, and cryptsetup then says so. */
const keyslotCount = 32;

/** The lowest keyslot that is not in use. @throws CodedError LUKS_KEYSLOT_OCCUPIED. */
export function freeKeyslot(header: Luks2Header): number {
  const taken = new Set(header.keyslots.map((each) => each.id));
  for (let id = 0; id < keyslotCount; id += 1) if (!taken.has(id)) return id;
  throw new CodedError('LUKS_KEYSLOT_OCCUPIED', `all ${keyslotCount} keyslots of ${header.uuid} are taken`, {
    remedy: 'Remove a keyslot that is no longer needed with cryptsetup luksKillSlot.',
  });
}
