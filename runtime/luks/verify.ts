/**
 * Compares a header with what the volume's record pins (design §10). Whoever can write to the backing store can write
 * a header with a null cipher, after which the node would mount, and write, plain text; or the header of another volume.
 */
import type { LuksParameters } from '../../lib/schema/volume-parameters';
import { CodedError } from '../errors';
import type { Luks2Header } from './header';

/** The part of a volume's record that its header must agree with. */
export interface PinnedHeader {
  readonly luksUuid: string;
  readonly luks: LuksParameters;
  /** Start of the encrypted data on the device. */
  readonly headerBytes: number;
}

/**
 * A header may not make the node take more memory than this for one keyslot, whatever the storage claims (R12).
 * Cryptsetup's own default for passphrases of people.
 */
const maximumKdfMemoryKiB = 1_048_576;

/** dm-integrity adds its own key to the volume key; the sizes are those of its algorithms. */
const integrityKeyBits: Readonly<Record<string, number>> = { 'hmac-sha256': 256, 'hmac-sha512': 512 };

/** @throws CodedError LUKS_HEADER_FOREIGN (another UUID), LUKS_HEADER_UNSAFE (anything else that differs). */
export function verifyHeader(header: Luks2Header, pinned: PinnedHeader): void {
  refuseNullCipher(header);
  if (header.uuid !== pinned.luksUuid.toLowerCase()) {
    throw new CodedError(
      'LUKS_HEADER_FOREIGN',
      `the device has LUKS UUID ${header.uuid}, the volume's is ${pinned.luksUuid}`,
      {
        remedy:
          'The back end attached another device, or the header was replaced: compare the device with the record of the volume.',
      },
    );
  }
  const { cipher, keySizeBits, sectorSizeBytes, integrity } = pinned.luks;
  const [segment, ...others] = header.segments;
  expectEqual('number of segments', others.length + (segment ? 1 : 0), 1);
  expectEqual('segment type', segment?.type, 'crypt');
  expectEqual('size of the segment', segment?.sizeBytes, 'dynamic');
  expectEqual('cipher', header.cipher, cipher);
  expectEqual('sector size', header.sectorSizeBytes, sectorSizeBytes);
  expectEqual('start of the data', header.dataOffsetBytes, pinned.headerBytes);
  expectEqual('integrity', header.integrity, integrity?.replace(/^hmac-(.*)$/, 'hmac($1)'));
  expectEqual('requirements', header.requirements.join(', '), '');
  const volumeKeyBits = keySizeBits + (integrityKeyBits[integrity ?? ''] ?? 0);
  for (const slot of header.keyslots) {
    expectEqual(`key size of keyslot ${slot.id}`, slot.keySizeBits, volumeKeyBits);
    if ((slot.kdf?.memoryKiB ?? 0) > maximumKdfMemoryKiB) {
      throw unsafe(`keyslot ${slot.id} asks for ${slot.kdf?.memoryKiB} KiB of memory`);
    }
  }
}

/** First of all checks, and alone in also looking at how the keyslots are protected: such a slot accepts any passphrase. */
function refuseNullCipher(header: Luks2Header): void {
  const ciphers = [...header.segments, ...header.keyslots].map((it) => it.cipher);
  if (ciphers.some((cipher) => cipher?.toLowerCase().includes('cipher_null'))) {
    throw unsafe('the header asks for the null cipher, which does not encrypt');
  }
  if (header.segments.some((it) => it.type !== 'crypt')) throw unsafe('the header has a segment that is not encrypted');
}

function expectEqual(what: string, actual: string | number | undefined, expected: string | number | undefined): void {
  if (actual !== expected) {
    throw unsafe(`${what} is ${actual ?? 'absent'} in the header, ${expected ?? 'absent'} in the record of the volume`);
  }
}

function unsafe(what: string): CodedError {
  return new CodedError('LUKS_HEADER_UNSAFE', what, {
    remedy:
      'The header was changed behind the back of the driver: do not use the volume before you know by whom; restore the header from a backup.',
  });
}
