/**
 * keyward's own LUKS2 token: the header says itself which KMS and which key open the volume (design §7), so a device
 * that lost its record can be identified and recovered. It holds no secret; a wrapped key may not be put here either.
 */
import * as z from 'zod';
import { CodedError } from '../errors';
import type { Luks2Header } from './header';

/** Where keyward keeps its token. */
export const keywardTokenId = 0;

export interface KeywardToken {
  readonly kmsId: string;
  /** The key in the words of its KMS, for example a path. */
  readonly keyReference: string;
  readonly keyVersion?: string;
  /** Tells a header from a copy that was put on another device. */
  readonly luksUuid: string;
  /** Keyslots that the key opens. */
  readonly keyslots: readonly number[];
  /** RFC 3339; absent until the first rotation. */
  readonly rotatedAt?: string;
  /** RFC 3339; absent until the data was re-encrypted with a new volume key. */
  readonly reencryptedAt?: string;
  /** RFC 3339; present while it is. */
  readonly reencryptingSince?: string;
}

const reference = z.string().min(1).max(1024);

/** The format; LUKS2 prescribes `type` and `keyslots`, and that the latter are strings. */
const stored = z.strictObject({
  type: z.literal('keyward'),
  keyslots: z.array(z.string().regex(/^(0|[1-9]|[12]\d|3[01])$/)).max(32),
  version: z.literal(1),
  kmsId: reference,
  keyReference: reference,
  keyVersion: reference.exactOptional(),
  luksUuid: z.guid(),
  rotatedAt: z.iso.datetime({ offset: true }).exactOptional(),
  reencryptedAt: z.iso.datetime({ offset: true }).exactOptional(),
  reencryptingSince: z.iso.datetime({ offset: true }).exactOptional(),
});

/** The JSON text for {@link Cryptsetup.importToken}. @throws CodedError LUKS_TOKEN_INVALID for a value that could not be read back. */
export function encodeToken({ keyslots, ...rest }: KeywardToken): string {
  const value = { type: 'keyward', keyslots: keyslots.map(String), version: 1, ...rest };
  const checked = stored.safeParse(value);
  if (!checked.success) throw invalid(checked.error);
  return JSON.stringify(value);
}

/** @throws CodedError LUKS_TOKEN_INVALID a field is missing, unknown or malformed. */
export function decodeToken(json: unknown): KeywardToken {
  const parsed = stored.safeParse(json);
  if (!parsed.success) throw invalid(parsed.error);
  const { type: _type, version: _version, keyslots, ...rest } = parsed.data;
  return { ...rest, keyslots: keyslots.map(Number) };
}

/** The header's token, undefined when it has none (a volume made by another system). @throws CodedError LUKS_TOKEN_INVALID. */
export function findToken(header: Luks2Header): KeywardToken | undefined {
  const token = header.tokens.find((it) => it.type === 'keyward');
  return token && decodeToken(token.json);
}

function invalid(cause: z.ZodError): CodedError {
  const field = cause.issues[0]?.path.join('.') || 'the token';
  return new CodedError('LUKS_TOKEN_INVALID', `the keyward token of the LUKS2 header is malformed at ${field}`, {
    remedy: 'The volume opens by its record all the same; the next rotation writes the token anew.',
    cause,
  });
}
