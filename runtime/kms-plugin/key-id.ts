/**
 * The `key_id` that Status, Encrypt and etcd carry. It names one version of one transit key, whatever the address of the
 * server is: the place (namespace, mount, key), the version, which is read from the ciphertext that transit returned, and
 * the second in which that version was made. The last part tells a key from another one that was made under the same name
 * after the first was deleted: both have a version 1. Where the policy does not let us read the key it is left out.
 */
import { createHash } from 'node:crypto';

/** One version of the transit key. */
export interface KeyVersion {
  readonly version: number;
  /** Seconds since 1970; undefined when the policy does not let us know. */
  readonly madeAt: number | undefined;
}

/** The API server refuses a key id of more than 1 KiB. */
const maxPlaceBytes = 512;

/** @param place of the key: namespace, mount and name, joined by slashes */
export function keyIdOf(place: string, { version, madeAt }: KeyVersion): string {
  const shown = Buffer.byteLength(place) <= maxPlaceBytes ? place : `sha256-${sha256(place)}`;
  const made = madeAt === undefined ? '' : `:${new Date(madeAt * 1_000).toISOString().replace('.000Z', 'Z')}`;
  return `transit:${shown}:v${version}${made}`;
}

/** Whether `one` replaced `other`: made later, or where that is not known, of a higher version. */
export function isNewer(one: KeyVersion, other: KeyVersion): boolean {
  if (one.madeAt !== undefined && other.madeAt !== undefined && one.madeAt !== other.madeAt) {
    return one.madeAt > other.madeAt;
  }
  return one.version > other.version;
}

export function isSame(one: KeyVersion, other: KeyVersion): boolean {
  return one.version === other.version && one.madeAt === other.madeAt;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
