/**
 * The wrapped key of ceph-csi's `metadata` type, byte for byte (facts/ceph-csi-kms.md §6):
 *
 *     key   = scrypt(passphrase, salt = volume id as UTF-8 text, N = 32768, r = 8, p = 1), 32 bytes
 *     text  = {"dek":"<base64 of ciphertext‖tag>","nonce":"<base64 of nonce>"}     AES-256-GCM, no additional data
 *
 * The volume id is not in the text: a wrapped key that is copied to another volume does not unwrap there.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import * as z from 'zod';
import { CodedError } from '../../errors';
import { Secret } from '../../secret';

const cost = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 } as const;
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const cipher = 'aes-256-gcm';

/** About 0.1 s and 32 MiB of memory a call, on libuv's threads. */
export function deriveKey(passphrase: Secret, volumeId: string): Promise<Secret> {
  return new Promise((resolve, reject) => {
    passphrase.use((bytes) =>
      scrypt(bytes, volumeId, keyBytes, cost, (error, key) => (error ? reject(error) : resolve(Secret.take(key)))),
    );
  });
}

export function seal(dek: Secret, key: Secret, nonce: Buffer = randomBytes(nonceBytes)): string {
  const sealer = key.use((bytes) => createCipheriv(cipher, bytes, nonce, { authTagLength: tagBytes }));
  const ciphertext = dek.use((bytes) => Buffer.concat([sealer.update(bytes), sealer.final(), sealer.getAuthTag()]));
  return JSON.stringify({ dek: ciphertext.toString('base64'), nonce: nonce.toString('base64') });
}

/** @throws CodedError KMS_CIPHERTEXT_INVALID */
export function open(wrapped: string, key: Secret): Secret {
  const { dek, nonce } = parse(wrapped);
  const opener = key.use((bytes) => createDecipheriv(cipher, bytes, nonce, { authTagLength: tagBytes }));
  opener.setAuthTag(dek.subarray(-tagBytes));
  const plain = opener.update(dek.subarray(0, -tagBytes));
  try {
    opener.final();
  } catch {
    plain.fill(0);
    throw new CodedError('KMS_CIPHERTEXT_INVALID', 'the wrapped key cannot be unwrapped', {
      remedy:
        'The passphrase is another one than at the wrapping, or the wrapped key is damaged or belongs to another volume.',
    });
  }
  return Secret.take(plain);
}

/** As Go writes it; Node.js alone would skip foreign characters in silence. */
const base64 = z
  .string()
  .regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/)
  .transform((text) => Buffer.from(text, 'base64'));

const shape = z.object({
  dek: base64.refine((bytes) => bytes.length > tagBytes),
  nonce: base64.refine((bytes) => bytes.length === nonceBytes),
});

function parse(wrapped: string): z.output<typeof shape> {
  const parsed = shape.safeParse(parseJson(wrapped));
  if (parsed.success) return parsed.data;
  throw new CodedError('KMS_CIPHERTEXT_INVALID', 'the wrapped key is not in the form of the metadata KMS', {
    remedy: 'Check that the volume names the KMS that wrapped its key; else restore its metadata from a backup.',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
