/**
 * What a local KEK makes of a plaintext: a format byte, a random nonce, the ciphertext and the tag of AES-256-GCM. The
 * KEK itself, wrapped by transit, is in the annotation {@link kekAnnotation}; a ciphertext alone says nothing without it.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { CodedError } from '../errors';
import type { Secret } from '../secret';

/** A fully qualified domain name, as the KMS API demands. The value is transit's text form of the wrapped KEK. */
export const kekAnnotation = 'local-kek.kms.keyward.io';

export const kekBytes = 32;

/** Not the first byte of a text, so that it cannot be mistaken for one of transit's ciphertexts. */
const format = 0x01;
const nonceBytes = 12;
const tagBytes = 16;
const headerBytes = 1 + nonceBytes;
const cipher = 'aes-256-gcm';
/** Authenticated with each ciphertext: one that was made for another purpose with the same key is not accepted. */
const purpose = Buffer.from('keyward local KEK 1');

/** How much longer the ciphertext is than its plaintext. */
export const localOverheadBytes = headerBytes + tagBytes;

export function sealLocally(kek: Secret, plaintext: Uint8Array): Buffer {
  const nonce = randomBytes(nonceBytes);
  return kek.use((key) => {
    const sealing = createCipheriv(cipher, key, nonce).setAAD(purpose);
    const sealed = [sealing.update(plaintext), sealing.final()];
    return Buffer.concat([Buffer.from([format]), nonce, ...sealed, sealing.getAuthTag()]);
  });
}

/** @throws CodedError KMS_CIPHERTEXT_INVALID when it was not made with this KEK, or is damaged. */
export function openLocally(kek: Secret, ciphertext: Uint8Array): Buffer {
  const bytes = Buffer.from(ciphertext.buffer, ciphertext.byteOffset, ciphertext.byteLength);
  if (!isLocalCiphertext(bytes) || bytes.length < localOverheadBytes) throw damaged();
  return kek.use((key) => {
    const opening = createDecipheriv(cipher, key, bytes.subarray(1, headerBytes), { authTagLength: tagBytes })
      .setAAD(purpose)
      .setAuthTag(bytes.subarray(-tagBytes));
    try {
      return Buffer.concat([opening.update(bytes.subarray(headerBytes, -tagBytes)), opening.final()]);
    } catch {
      throw damaged();
    }
  });
}

export function isLocalCiphertext(ciphertext: Uint8Array): boolean {
  return ciphertext[0] === format;
}

function damaged(): CodedError {
  return new CodedError('KMS_CIPHERTEXT_INVALID', 'the ciphertext was not made with the local KEK in its annotation', {
    remedy: 'It is damaged, or the annotation belongs to another one: restore the data from a backup of etcd.',
  });
}
