// Engines: key/value in both versions, and transit with its keys.
import * as z from 'zod';
import type { Same } from '../schema/written-type';
import { description, name, seconds } from './fields';

/** A key/value engine. */
export interface KvMount {
  /** The type. */
  readonly type: 'kv';
  /**
   * What the server shows beside it, at most 1024 characters.
   * @default - none
   */
  readonly description?: string;
  /** Declared, never detected: the paths in the policies follow from it (trap 3). */
  readonly version: 1 | 2;
  /**
   * How many versions of each entry are kept; version 2 only. 0: as many as the server keeps, which is 10.
   * @default 0
   */
  readonly maxVersions?: number;
  /**
   * Every write must say which version it replaces; version 2 only.
   * @default false
   */
  readonly casRequired?: boolean;
  /**
   * Seconds after which a version is deleted; version 2 only. 0: never.
   * @default 0
   */
  readonly deleteVersionAfter?: number;
}

/** A transit engine: keys that never leave the server. */
export interface TransitMount {
  /** The type. */
  readonly type: 'transit';
  /**
   * What the server shows beside it, at most 1024 characters.
   * @default - none
   */
  readonly description?: string;
  /**
   * Keys by name.
   * @default - none
   */
  readonly keys?: Readonly<Record<string, TransitKey>>;
}

/** A key of a transit engine. */
export interface TransitKey {
  /**
   * The cipher. A key keeps the one that it was made with.
   * @default aes256-gcm96
   */
  readonly type?: (typeof transitKeyTypes)[number];
  /**
   * Seconds after which the server rotates the key by itself, at least an hour. 0: it does not.
   * @default 0
   */
  readonly autoRotatePeriod?: number;
  /**
   * The key may be deleted, and everything that it encrypted with it.
   * @default false
   */
  readonly deletionAllowed?: boolean;
  /**
   * The oldest version of the key that still decrypts.
   * @default - as the server has it: operators raise it
   */
  readonly minDecryptionVersion?: number;
  /**
   * The oldest version of the key that may encrypt. 0: the latest alone.
   * @default - as the server has it
   */
  readonly minEncryptionVersion?: number;
}

/** Checks a KvMount. */
const kvMount = z.strictObject({
  type: z.literal('kv'),
  description: description.exactOptional(),
  version: z.union([z.literal(1), z.literal(2)]).describe('declared, never detected: the policies follow from it'),
  maxVersions: z.int().min(0).describe('versions kept of each entry; version 2 only').exactOptional(),
  casRequired: z.boolean().describe('every write must say which version it replaces; version 2 only').exactOptional(),
  deleteVersionAfter: seconds.describe('version 2 only').exactOptional(),
});

/** Key types of transit that encrypt and authenticate. */
export const transitKeyTypes = ['aes256-gcm96', 'aes128-gcm96', 'chacha20-poly1305', 'xchacha20-poly1305'] as const;

const transitKey = z.strictObject({
  type: z.enum(transitKeyTypes).exactOptional(),
  autoRotatePeriod: z
    .union([z.literal(0), seconds.min(3600)])
    .describe('0 turns it off')
    .exactOptional(),
  deletionAllowed: z.boolean().describe('unset or false: the key is protected').exactOptional(),
  minDecryptionVersion: z.int().min(1).exactOptional(),
  minEncryptionVersion: z.int().min(0).exactOptional(),
});

/** Checks a TransitMount. */
const transitMount = z.strictObject({
  type: z.literal('transit'),
  description: description.exactOptional(),
  keys: z.record(name, transitKey).exactOptional(),
});

/** An engine of one of the types that keyward knows. */
export const mount = z.discriminatedUnion('type', [kvMount, transitMount]);

true satisfies Same<KvMount, z.output<typeof kvMount>>;
true satisfies Same<TransitMount, z.output<typeof transitMount>>;
true satisfies Same<TransitKey, z.output<typeof transitKey>>;
