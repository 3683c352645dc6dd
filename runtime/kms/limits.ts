/** Bounds on what goes into a KMS and what comes out of it, and the shape of keys that keyward makes. */
import { CodedError } from '../errors';
import { Secret } from '../secret';
import type { KeyReference } from './provider';

const newDekBits = 256;
const maxDekBytes = 1_024;
const maxWrappedBytes = 64 * 1024;
const maxIdBytes = 512;

/**
 * A new key: random bits as URL-safe base64 text with padding, which is the form of ceph-csi's passphrases, so that its
 * tools read ours. 256 bits make 44 characters (ceph-csi takes 160 bits, 28 characters).
 *
 * Drawn again while it has one of the two characters in which the alphabets of base64 differ: ceph-csi's `ibmkeyprotect`
 * takes its passphrase for standard base64, and fails on the others. That costs two of the 256 bits.
 */
export function newDek(): Secret {
  for (;;) {
    using random = Secret.random(newDekBits / 8);
    const text = random.use((bytes) => bytes.toString('base64'));
    if (!/[+/]/.test(text)) return Secret.fromText(text);
  }
}

/** The id becomes part of a path, a salt or a name at the KMS. @throws CodedError REQUEST_INVALID */
export function checkReference({ volumeId }: KeyReference): void {
  const isPlain = /^[^/\\\p{Cc}]+$/u.test(volumeId) && volumeId !== '.' && volumeId !== '..';
  if (isPlain && Buffer.byteLength(volumeId) <= maxIdBytes) return;
  throw new CodedError('REQUEST_INVALID', 'the volume id cannot name a key', {
    remedy: `Use an id of 1 to ${maxIdBytes} bytes without slashes and control characters.`,
  });
}

/** For a key that is about to be stored. @throws CodedError REQUEST_INVALID */
export function checkDek(dek: Secret): void {
  if (isDekSize(dek)) return;
  throw new CodedError('REQUEST_INVALID', `a key of ${dek.lengthBytes} bytes cannot be stored`, {
    remedy: `Use a key of 1 to ${maxDekBytes} bytes.`,
  });
}

/** For a key that the KMS gave. @throws CodedError KMS_ANSWER_INVALID */
export function checkFound(dek: Secret): void {
  if (isDekSize(dek)) return;
  const { lengthBytes } = dek;
  dek.zero();
  throw new CodedError('KMS_ANSWER_INVALID', `the KMS gave a key of ${lengthBytes} bytes`, {
    remedy: `See what is stored for this volume: keys have 1 to ${maxDekBytes} bytes.`,
  });
}

/** @throws CodedError KMS_CIPHERTEXT_INVALID */
export function checkWrapped(wrapped: string): void {
  const sizeBytes = Buffer.byteLength(wrapped);
  if (sizeBytes > 0 && sizeBytes <= maxWrappedBytes) return;
  throw new CodedError('KMS_CIPHERTEXT_INVALID', `a wrapped key of ${sizeBytes} bytes is not one`, {
    remedy: `Restore the volume's metadata from a backup: wrapped keys have 1 to ${maxWrappedBytes} bytes.`,
  });
}

function isDekSize({ lengthBytes }: Secret): boolean {
  return lengthBytes >= 1 && lengthBytes <= maxDekBytes;
}
