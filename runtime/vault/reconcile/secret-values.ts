/**
 * Values that the state only names, and the trace of them in the ledger. Vault never gives such a value back, so whether it
 * is still the right one can only be told from a hash of what we wrote last: with a random salt, of a value with far more
 * entropy than anybody can guess. To write it at every apply would hide whether anything changed.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import type { SecretSource } from '../../../lib/vault/state';
import { CodedError } from '../../errors';
import type { Secret } from '../../secret';
import { readCredential } from '../auth/credential-file';

export interface SecretPlaces {
  /** Mounted Secrets, as NAMESPACE/NAME/KEY. */
  readonly directory: string;
  /** Of a Secret that is named without one. */
  readonly namespace?: string;
}

/** @throws CodedError CONFIG_UNREADABLE, CONFIG_INVALID (a Secret without a namespace). */
export async function readSecretValue(source: SecretSource, { directory, namespace }: SecretPlaces): Promise<Secret> {
  if ('file' in source) return readCredential(source.file, 'a value of the state');
  const { name, key, namespace: own = namespace } = source.secret;
  if (own !== undefined) return readCredential(join(directory, own, name, key), 'a value of the state');
  throw new CodedError('CONFIG_INVALID', `the state names the Secret ${name} without a namespace`, {
    remedy: 'Give it in the state, or for all of them with --secrets-namespace.',
  });
}

/** A new hash of the value; two of the same value differ. */
export function traceOf(value: Secret): string {
  const salt = randomBytes(16);
  return `${salt.toString('base64url')}.${digest(salt, value).toString('base64url')}`;
}

/** Whether the hash is one of this value. */
export function isTraceOf(trace: string | undefined, value: Secret): boolean {
  const [salt = '', hash = ''] = trace?.split('.') ?? [];
  const expected = Buffer.from(hash, 'base64url');
  const actual = digest(Buffer.from(salt, 'base64url'), value);
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

function digest(salt: Buffer, value: Secret): Buffer {
  return value.use((bytes) => createHash('sha256').update(salt).update(bytes).digest());
}
