// Engines: key/value in both versions, and transit with its keys.
import * as z from 'zod';
import { type DeepReadonly, description, name, seconds } from './fields';

/** A key/value engine. */
export const kvMount = z.strictObject({
  type: z.literal('kv'),
  description: description.exactOptional(),
  version: z.union([z.literal(1), z.literal(2)]).describe('declared, never detected: the policies follow from it'),
  maxVersions: z.int().min(0).describe('versions kept of each entry; version 2 only').exactOptional(),
  casRequired: z.boolean().describe('every write must say which version it replaces; version 2 only').exactOptional(),
  deleteVersionAfter: seconds.describe('version 2 only').exactOptional(),
});

/** Key types of transit that encrypt. */
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

/** A transit engine. */
export const transitMount = z.strictObject({
  type: z.literal('transit'),
  description: description.exactOptional(),
  keys: z.record(name, transitKey).exactOptional(),
});

/** An engine of one of the types that keyward knows. */
export const mount = z.discriminatedUnion('type', [kvMount, transitMount]);

export type KvMount = DeepReadonly<z.output<typeof kvMount>>;
export type TransitMount = DeepReadonly<z.output<typeof transitMount>>;
export type TransitKey = DeepReadonly<z.output<typeof transitKey>>;
