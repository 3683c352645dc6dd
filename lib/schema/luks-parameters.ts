// How a volume is encrypted: the LUKS2 part of the StorageClass parameters, settings and text.
import * as z from 'zod';
import { goBoolean, unsignedInteger } from './go-values';
import type { IssueParams } from './zod-issues';

/** The ciphers that ceph-csi allows. */
const luksCiphers = ['aes-xts-plain64', 'aes-xts-random', 'serpent-xts-plain64', 'serpent-xts-random'] as const;

/** What dm-integrity adds to each sector. */
const integrityModes = ['hmac-sha256', 'hmac-sha512'] as const;

/** Sector sizes of LUKS2. */
const luksSectorSizes = [512, 1024, 2048, 4096] as const;

/** How a volume is encrypted. */
export interface LuksParameters {
  /** Cipher in dm-crypt's spelling. */
  readonly cipher: (typeof luksCiphers)[number];
  /** Size of the volume key; XTS halves it. */
  readonly keySizeBits: 256 | 512;
  /** Size of the sectors that are encrypted. */
  readonly sectorSizeBytes: (typeof luksSectorSizes)[number];
  /**
   * Integrity of each sector by dm-integrity, so that a changed one is an error and not garbage. Tags take space, each
   * write is made twice for the journal, the whole device is written at format, and such a volume cannot grow.
   * @default - none
   */
  readonly integrity?: (typeof integrityModes)[number];
  /** How a keyslot is derived. The keys are 256-bit random, so `pbkdf2` at its minimum is sound and quick. */
  readonly pbkdf: 'pbkdf2' | 'argon2id';
  /**
   * Iterations of one derivation.
   * @default - 1000 with `pbkdf2`, 4 with `argon2id`
   */
  readonly pbkdfIterations?: number;
  /**
   * Memory that one derivation takes; only with `argon2id`.
   * @default - 32768
   */
  readonly pbkdfMemoryKiB?: number;
  /**
   * Whether discards of the file system reach the storage, which then frees the space and can see which sectors are unused.
   * @default false, as ceph-csi has it
   */
  readonly discards?: boolean;
  /**
   * Whether reads are decrypted where they complete, and not in a work queue of dm-crypt.
   * @default false
   */
  readonly noReadWorkqueue?: boolean;
  /**
   * Whether writes are encrypted where they are submitted, and not in a work queue of dm-crypt.
   * @default false
   */
  readonly noWriteWorkqueue?: boolean;
}

/** Defaults of design §9. The header is worth 256 bits of key, so derivation need not be slow. */
export const defaultLuks = {
  cipher: 'aes-xts-plain64',
  keySizeBits: 512,
  sectorSizeBytes: 4096,
  pbkdf: 'pbkdf2',
  pbkdfIterations: 1000,
} as const satisfies LuksParameters;

/** Defaults when `argon2id` is asked for: ceph-csi's memory, so that many opens at once stay within a container's limit. */
export const defaultArgon2id = { pbkdf: 'argon2id', pbkdfIterations: 4, pbkdfMemoryKiB: 32_768 } as const;

const keySizeBits = z.literal([256, 512]);
const sectorSizeBytes = z.literal(luksSectorSizes);
const integrity = z.enum(integrityModes);
const integrityText = z
  .string()
  .refine((mode) => mode !== 'aead', {
    error: 'is aead, an authenticated cipher of its own, which none of the XTS ciphers is',
    params: {
      allowed: integrityModes,
      remedy: 'choose one of these, which go with every cipher',
    } satisfies IssueParams,
  })
  .pipe(integrity);

/** The settings. */
export const luksSettings = z
  .strictObject({
    cipher: z.enum(luksCiphers),
    keySizeBits,
    sectorSizeBytes,
    integrity: integrity.exactOptional(),
    pbkdf: z.enum(['pbkdf2', 'argon2id']),
    pbkdfIterations: z.int().positive().exactOptional(),
    pbkdfMemoryKiB: z.int().min(32).max(4_194_304).exactOptional(),
    discards: z.boolean().exactOptional(),
    noReadWorkqueue: z.boolean().exactOptional(),
    noWriteWorkqueue: z.boolean().exactOptional(),
  })
  .refine(({ pbkdf, pbkdfMemoryKiB }) => pbkdf === 'argon2id' || pbkdfMemoryKiB === undefined, {
    error: 'is set, but pbkdf2 uses no memory',
    path: ['pbkdfMemoryKiB'],
    params: { remedy: 'remove it, or choose argon2id' } satisfies IssueParams,
  })
  .refine(({ pbkdf, pbkdfIterations }) => (pbkdfIterations ?? 1000) >= (pbkdf === 'pbkdf2' ? 1000 : 4), {
    error: 'is below the minimum of cryptsetup',
    path: ['pbkdfIterations'],
    params: { remedy: 'use at least 1000 with pbkdf2, at least 4 with argon2id' } satisfies IssueParams,
  })
  .refine(({ cipher, integrity: mode }) => !cipher.endsWith('-random') || mode !== undefined, {
    error: 'draws random vectors, which are kept only with integrity',
    path: ['cipher'],
    params: { remedy: 'choose a cipher with plain64, or set integrity' } satisfies IssueParams,
  })
  .refine(({ integrity: mode, discards }) => mode === undefined || discards !== true, {
    error: 'is set, but a discarded sector has no valid tag',
    path: ['discards'],
    params: { remedy: 'leave out discards, or integrity' } satisfies IssueParams,
  });

/** The same as StorageClass parameters. The first four keys are ceph-csi's, the others keyward's. */
export const luksWire = {
  encryptionCipher: z.enum(luksCiphers).describe('cipher of the volume').exactOptional(),
  encryptionKeySize: unsignedInteger.pipe(keySizeBits).describe('key size in bits').exactOptional(),
  encryptionSectorSize: unsignedInteger.pipe(sectorSizeBytes).describe('sector size in bytes').exactOptional(),
  integrityMode: integrityText.describe('integrity of each sector').exactOptional(),
  encryptionPbkdf: z.enum(['pbkdf2', 'argon2id']).describe('key derivation of the keyslots').exactOptional(),
  encryptionPbkdfIterations: unsignedInteger.describe('iterations of the key derivation').exactOptional(),
  encryptionPbkdfMemoryKiB: unsignedInteger.describe('memory of argon2id in KiB').exactOptional(),
  encryptionDiscards: goBoolean.describe('whether discards reach the storage').exactOptional(),
  encryptionNoReadWorkqueue: goBoolean.describe('whether reads skip the work queue of dm-crypt').exactOptional(),
  encryptionNoWriteWorkqueue: goBoolean.describe('whether writes skip the work queue of dm-crypt').exactOptional(),
} as const;
