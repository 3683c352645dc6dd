// How a volume is encrypted: the LUKS2 part of the StorageClass parameters.
import * as z from 'zod';
import { unsignedInteger } from './go-values';
import type { IssueParams } from './zod-issues';

/** The ciphers that ceph-csi allows. */
const luksCiphers = ['aes-xts-plain64', 'aes-xts-random', 'serpent-xts-plain64', 'serpent-xts-random'] as const;

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
   * dm-integrity algorithm.
   * @default - none
   */
  readonly integrity?: string;
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
const noIntegrity = z.string().refine(() => false, {
  error: 'is not supported by the loop back end',
  params: {
    remedy: 'remove integrityMode; the file system and the backing store keep their own checksums',
  } satisfies IssueParams,
});

/** The settings. */
export const luksSettings = z
  .strictObject({
    cipher: z.enum(luksCiphers),
    keySizeBits,
    sectorSizeBytes,
    integrity: noIntegrity.exactOptional(),
    pbkdf: z.enum(['pbkdf2', 'argon2id']),
    pbkdfIterations: z.int().positive().exactOptional(),
    pbkdfMemoryKiB: z.int().min(32).max(4_194_304).exactOptional(),
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
  });

/** The same as StorageClass parameters. The first five keys are ceph-csi's, the last three keyward's. */
export const luksWire = {
  encryptionCipher: z.enum(luksCiphers).describe('cipher of the volume').exactOptional(),
  encryptionKeySize: unsignedInteger.pipe(keySizeBits).describe('key size in bits').exactOptional(),
  encryptionSectorSize: unsignedInteger.pipe(sectorSizeBytes).describe('sector size in bytes').exactOptional(),
  integrityMode: noIntegrity.exactOptional(),
  encryptionPbkdf: z.enum(['pbkdf2', 'argon2id']).describe('key derivation of the keyslots').exactOptional(),
  encryptionPbkdfIterations: unsignedInteger.describe('iterations of the key derivation').exactOptional(),
  encryptionPbkdfMemoryKiB: unsignedInteger.describe('memory of argon2id in KiB').exactOptional(),
} as const;
