/**
 * Compares a header with what the volume's record pins (design §10). Whoever can write to the backing store can write
 * a header with a null cipher, after which the node would mount, and write, plain text; or the header of another volume.
 *
 * Of a volume that another driver made nothing is pinned yet: its header is held to what that driver could have written,
 * and what is pinned from then on is taken from it.
 */
import { defaultLuks, type LuksParameters, luksSettings } from '../../lib/schema/luks-parameters';
import { CodedError } from '../errors';
import type { Luks2Header } from './header';
import { integrityKeyBits } from './integrity';

/** The part of a volume's record that its header must agree with. */
export interface PinnedHeader {
  readonly luksUuid: string;
  readonly luks: LuksParameters;
  /** Start of the encrypted data on the device. */
  readonly headerBytes: number;
  /** Present exactly while the data is re-encrypted with a new volume key. */
  readonly reencryption?: { readonly oldKeyslot: number; readonly startedAt: string };
}

/** What cryptsetup writes into a header while it re-encrypts. Its predecessor without `-v2` does not authenticate the state (CVE-2021-4122). */
const reencryptRequirement = 'online-reencrypt-v2';

/**
 * A header may not make the node take more memory than this for one keyslot, whatever the storage claims (R12).
 * Cryptsetup's own default for passphrases of people.
 */
const maximumKdfMemoryKiB = 1_048_576;

/** Less than this holds no header of cryptsetup with its keyslots: the volume's own data would overwrite it. */
const smallestHeaderBytes = 1024 * 1024;

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
  // Noted in the record before cryptsetup begins and until after it ends: the header may be plain at either end.
  const reencrypts = pinned.reencryption !== undefined && isReencrypting(header);
  if (reencrypts) verifyReencryptedSegments(header, pinned);
  else verifyOnlySegment(header);
  expectEqual('cipher', header.cipher, cipher);
  expectEqual('sector size', header.sectorSizeBytes, sectorSizeBytes);
  expectEqual('start of the data', header.dataOffsetBytes, pinned.headerBytes);
  expectEqual('integrity', integrityOf(header), integrity);
  expectEqual('requirements', header.requirements.join(', '), reencrypts ? reencryptRequirement : '');
  const volumeKeyBits = keySizeBits + integrityBits(integrity);
  for (const slot of header.keyslots) {
    // The journal of a re-encryption, which holds no key.
    if (reencrypts && slot.type === 'reencrypt') continue;
    expectEqual(`key size of keyslot ${slot.id}`, slot.keySizeBits, volumeKeyBits);
    if ((slot.kdf?.memoryKiB ?? 0) > maximumKdfMemoryKiB) {
      throw unsafe(`keyslot ${slot.id} asks for ${slot.kdf?.memoryKiB} KiB of memory`);
    }
  }
}

/** Whether cryptsetup has begun to re-encrypt the data and not ended. */
export function isReencrypting(header: Luks2Header): boolean {
  return header.requirements.includes(reencryptRequirement);
}

function verifyOnlySegment({ segments }: Luks2Header): void {
  const [segment, ...others] = segments;
  expectEqual('number of segments', others.length + (segment ? 1 : 0), 1);
  expectEqual('segment type', segment?.type, 'crypt');
  expectEqual('size of the segment', segment?.sizeBytes, 'dynamic');
}

/** The data without a gap from its start to its end, each part under one of the two keys, and how it was and will be. */
function verifyReencryptedSegments({ segments }: Luks2Header, { luks, headerBytes }: PinnedHeader): void {
  let endBytes: number | 'dynamic' = headerBytes;
  for (const segment of segments) {
    const isBackup = segment.flags.some((flag) => flag.startsWith('backup-'));
    expectEqual(`cipher of segment ${segment.id}`, segment.cipher, luks.cipher);
    expectEqual(`sector size of segment ${segment.id}`, segment.sectorSizeBytes, luks.sectorSizeBytes);
    expectEqual(`start of segment ${segment.id}`, segment.offsetBytes, isBackup ? headerBytes : endBytes);
    if (isBackup) expectEqual(`size of segment ${segment.id}`, segment.sizeBytes, 'dynamic');
    else endBytes = segment.sizeBytes === 'dynamic' ? 'dynamic' : segment.offsetBytes + segment.sizeBytes;
  }
}

/**
 * The safety of a header that no record pins yet, and no more: that it is the volume's own only the volume's key can tell.
 * @throws CodedError LUKS_HEADER_UNSAFE, LUKS_NO_USABLE_KEYSLOT.
 */
export function verifyForeignHeader(header: Luks2Header): void {
  verifyHeader(header, pinOf(header));
}

/**
 * What the record of a volume is to pin of a header that another driver wrote. The keyslots that are there keep their
 * derivation (argon2id in volumes of ceph-csi); those that keyward adds are derived with pbkdf2 at its minimum, which is
 * sound for every key that the KMS holds: ours have 256 random bits, and ceph-csi's 28 characters are 20 random bytes.
 * @throws CodedError LUKS_HEADER_UNSAFE what neither ceph-csi nor keyward would write; LUKS_NO_USABLE_KEYSLOT.
 */
export function pinOf(header: Luks2Header): PinnedHeader {
  refuseNullCipher(header);
  if (header.keySizeBits === 0) {
    throw new CodedError('LUKS_NO_USABLE_KEYSLOT', 'no keyslot of the header holds the key of the volume', {
      remedy:
        'The format of the volume was interrupted, or its keyslots were killed: restore the header from a backup.',
    });
  }
  const { cipher, sectorSizeBytes, dataOffsetBytes } = header;
  const integrity = integrityOf(header);
  const { pbkdf, pbkdfIterations } = defaultLuks;
  const keySizeBits = header.keySizeBits - integrityBits(integrity);
  const derived = { cipher, keySizeBits, sectorSizeBytes, ...(integrity !== undefined && { integrity }) };
  const luks = luksSettings.safeParse({ ...derived, pbkdf, pbkdfIterations });
  if (!luks.success) throw unsafe(`${JSON.stringify(derived)} is none of the settings that ceph-csi and keyward use`);
  if (dataOffsetBytes < smallestHeaderBytes) throw unsafe(`the data begins at byte ${dataOffsetBytes}`);
  return { luksUuid: header.uuid, luks: luks.data, headerBytes: dataOffsetBytes };
}

/** In the words of the parameters; dm-integrity writes `hmac(sha256)`. */
function integrityOf({ integrity }: Luks2Header): string | undefined {
  return integrity?.replace(/^hmac\((.*)\)$/, 'hmac-$1');
}

function integrityBits(integrity: string | undefined): number {
  return Object.entries(integrityKeyBits).find(([name]) => name === integrity)?.[1] ?? 0;
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
