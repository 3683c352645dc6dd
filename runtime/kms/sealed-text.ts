/**
 * The stored text of ceph-csi's `metadata` and `kmip` types: compact JSON, `dek` (ciphertext) before `nonce`, both in
 * standard base64.
 */
import { fromBase64 } from './base64';

export interface Sealed {
  readonly dek: Buffer;
  readonly nonce: Buffer;
}

export function formatSealed({ dek, nonce }: Sealed): string {
  return JSON.stringify({ dek: dek.toString('base64'), nonce: nonce.toString('base64') });
}

/** Undefined for anything else. Unknown members are taken, as Go does. */
export function parseSealed(text: string): Sealed | undefined {
  const { dek, nonce } = parseObject(text);
  const parts = { dek: bytesOf(dek), nonce: bytesOf(nonce) };
  return parts.dek && parts.nonce ? { dek: parts.dek, nonce: parts.nonce } : undefined;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function bytesOf(value: unknown): Buffer | undefined {
  return typeof value === 'string' ? fromBase64(value) : undefined;
}
