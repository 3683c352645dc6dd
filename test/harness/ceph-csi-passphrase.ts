/** ceph-csi's passphrases, and how its KMS `metadata` wraps them for the metadata of an image. From its sources (v3.17). */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';

export function newPassphrase(): string {
  return `${randomBytes(20).toString('base64url')}=`;
}

export function wrapWithPassphrase(passphrase: string, volumeId: string, dek: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', kekOf(passphrase, volumeId), nonce);
  const sealed = Buffer.concat([cipher.update(dek, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return JSON.stringify({ dek: sealed.toString('base64'), nonce: nonce.toString('base64') });
}

export function unwrapWithPassphrase(passphrase: string, volumeId: string, text: string): string {
  const { dek, nonce } = JSON.parse(text);
  const sealed = Buffer.from(dek, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', kekOf(passphrase, volumeId), Buffer.from(nonce, 'base64'));
  decipher.setAuthTag(sealed.subarray(-16));
  return decipher.update(sealed.subarray(0, -16), undefined, 'utf8') + decipher.final('utf8');
}

function kekOf(passphrase: string, volumeId: string): Buffer {
  return scryptSync(passphrase, volumeId, 32, { N: 32_768, r: 8, p: 1, maxmem: 64 * 2 ** 20 });
}
