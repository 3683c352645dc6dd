// The encryption of a class of ceph-csi: LUKS2 on the block device, or fscrypt in the file system.
import * as z from 'zod';
import { defined } from './decode';
import { goBoolean, unsignedInteger } from './go-values';
import { kmsId } from './names';
import type { IssueParams } from './zod-issues';

/** The ciphers that ceph-csi takes. */
const ciphers = ['aes-xts-plain64', 'aes-xts-random', 'serpent-xts-plain64', 'serpent-xts-random'] as const;

/** What dm-integrity adds to each sector. ceph-csi also knows `aead`, which none of its ciphers can do. */
const integrityModes = ['hmac-sha256', 'hmac-sha512'] as const;

/** LUKS2 below the file system, or a raw block device. */
export interface CephCsiBlockEncryption {
  /** The type. */
  readonly type: 'block';
  /** Id of the KMS that holds the keys. */
  readonly kmsId: string;
  /**
   * Cipher in dm-crypt's spelling. Without it ceph-csi ignores the three below, so they need it.
   * @default - cryptsetup's own
   */
  readonly cipher?: (typeof ciphers)[number];
  /**
   * Size of the volume key; XTS halves it.
   * @default - cryptsetup's own
   */
  readonly keySizeBits?: 256 | 512 | 1024;
  /**
   * Integrity of each sector. Such a volume cannot grow.
   * @default - none
   */
  readonly integrity?: (typeof integrityModes)[number];
  /**
   * Size of the sectors that are encrypted.
   * @default - cryptsetup's own
   */
  readonly sectorSizeBytes?: 512 | 1024 | 2048 | 4096;
}

/** fscrypt in the file system: names and contents of files, not its metadata. */
export interface CephCsiFileEncryption {
  /** The type. */
  readonly type: 'file';
  /** Id of the KMS that holds the keys. Not every type can. */
  readonly kmsId: string;
}

/** How the volumes of a class are encrypted. */
export type CephCsiEncryption = CephCsiBlockEncryption | CephCsiFileEncryption;

const ownKms = kmsId.refine((id) => id !== 'default', {
  error: 'is the shared default KMS, one passphrase for all volumes, which key rotation would destroy',
  params: { remedy: 'name a KMS of the configuration' } satisfies IssueParams,
});
const cipher = z.enum(ciphers);
const keySizeBits = z.literal([256, 512, 1024]);
const integrity = z.enum(integrityModes);
const sectorSizeBytes = z.literal([512, 1024, 2048, 4096]);

const block = z
  .strictObject({
    type: z.literal('block'),
    kmsId: ownKms,
    cipher: cipher.exactOptional(),
    keySizeBits: keySizeBits.exactOptional(),
    integrity: integrity.exactOptional(),
    sectorSizeBytes: sectorSizeBytes.exactOptional(),
  })
  .check(({ value, issues }) => {
    for (const [path, message, remedy] of contradictions(value)) {
      const params: IssueParams = { remedy };
      issues.push({ code: 'custom', input: undefined, path: [path], message, params });
    }
  });

/** The encryption as settings. */
export const encryption = z.discriminatedUnion('type', [
  block,
  z.strictObject({ type: z.literal('file'), kmsId: ownKms }),
]);

/** The same as StorageClass parameters. */
export const encryptionWire = {
  encrypted: goBoolean.refine((encrypted) => encrypted, {
    error: 'is not true, so the volumes would be plain text',
    params: { remedy: 'write encrypted: "true"' } satisfies IssueParams,
  }),
  encryptionType: z.enum(['block', 'file']).exactOptional(),
  encryptionKMSID: ownKms,
  encryptionCipher: cipher.exactOptional(),
  encryptionKeySize: unsignedInteger.pipe(keySizeBits).exactOptional(),
  integrityMode: integrity.exactOptional(),
  encryptionSectorSize: unsignedInteger.pipe(sectorSizeBytes).exactOptional(),
} as const;

const wire = z.strictObject(encryptionWire);
type Wire = z.output<typeof wire>;

/** Takes the encryption out of the parameters. */
export function decodeEncryption<T extends Wire>(given: T) {
  const { encrypted, encryptionType, encryptionKMSID, encryptionCipher, encryptionKeySize, ...rest } = given;
  const { integrityMode, encryptionSectorSize, ...others } = rest;
  const type = encryptionType ?? ('block' as const);
  const luks = defined({
    cipher: encryptionCipher,
    keySizeBits: encryptionKeySize,
    integrity: integrityMode,
    sectorSizeBytes: encryptionSectorSize,
  });
  // With `file`, leftover LUKS parameters make an object that the settings refuse as unknown keys.
  return { own: { type, kmsId: encryptionKMSID, ...luks } as z.output<typeof encryption>, others };
}

/** Writes the encryption as parameters. `encrypted` is the text that Go reads as true, never a boolean. */
export function encodeEncryption(given: z.output<typeof encryption>): Wire {
  const named = { encrypted: true, encryptionType: given.type, encryptionKMSID: given.kmsId };
  if (given.type === 'file') return named;
  return {
    ...named,
    ...defined({
      encryptionCipher: given.cipher,
      encryptionKeySize: given.keySizeBits,
      integrityMode: given.integrity,
      encryptionSectorSize: given.sectorSizeBytes,
    }),
  };
}

type Block = z.output<typeof block>;

function* contradictions(it: Block): Generator<readonly [path: string, message: string, remedy: string]> {
  for (const key of ['keySizeBits', 'integrity', 'sectorSizeBytes'] as const) {
    if (it.cipher === undefined && it[key] !== undefined)
      yield [key, 'is silently ignored by ceph-csi without a cipher', 'add cipher, e.g. "aes-xts-plain64"'];
  }
  if (it.cipher?.endsWith('-random') && it.integrity === undefined)
    yield ['cipher', 'needs integrity, which keeps its random IVs', 'add integrity, or use the plain64 cipher'];
  if (it.keySizeBits === 1024 && it.integrity === undefined)
    yield ['keySizeBits', 'has room for no integrity key', 'use 512, which is the most that XTS takes'];
}
