/** Bounds on what an API server may send. It sends keys and seeds of 32 bytes, and gets back what it stored. */
import { CodedError } from '../errors';
import { ciphertextVersion } from '../vault/transit';

const maxPlaintextBytes = 8 * 1024;
const maxCiphertextBytes = 16 * 1024;
/** The API server takes no larger ciphertext (v2). */
export const maxV2CiphertextBytes = 1_024;
const maxKeyIdBytes = 1_024;
const maxAnnotationsBytes = 32 * 1024;

/** Room for the largest request that the bounds above allow. */
export const maxMessageBytes = 64 * 1024;

/** @throws CodedError REQUEST_INVALID. */
export function checkPlaintext({ length }: Uint8Array): void {
  if (length > 0 && length <= maxPlaintextBytes) return;
  throw new CodedError('REQUEST_INVALID', `a plaintext of ${length} bytes cannot be encrypted`, {
    remedy: `Send 1 to ${maxPlaintextBytes} bytes: the KMS encrypts keys, not data.`,
  });
}

/** @throws CodedError REQUEST_INVALID, KMS_CIPHERTEXT_INVALID. */
export function checkCiphertext({ length }: Uint8Array): void {
  if (length > maxCiphertextBytes) {
    throw new CodedError('REQUEST_INVALID', `a ciphertext of ${length} bytes cannot be decrypted`, {
      remedy: `Send 1 to ${maxCiphertextBytes} bytes: what the KMS made is not larger.`,
    });
  }
  if (length === 0) throw notOurs('is empty', '');
}

/** What comes with a ciphertext. The key id may be any, also one of another plugin or of an earlier time: it is not used. */
export function checkEnvelope(keyId: string, annotations: Readonly<Record<string, Uint8Array>>): void {
  const annotationsBytes = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + value.length,
    0,
  );
  if (Buffer.byteLength(keyId) <= maxKeyIdBytes && annotationsBytes <= maxAnnotationsBytes) return;
  throw new CodedError('REQUEST_INVALID', 'the key id or the annotations are larger than the KMS API allows', {
    remedy: `Send a key id of at most ${maxKeyIdBytes} and annotations of at most ${maxAnnotationsBytes} bytes.`,
  });
}

/**
 * The text of a ciphertext that transit made.
 * @param keyId as the API server stored it; '' for v1, which has none
 * @throws CodedError KMS_CIPHERTEXT_INVALID when it is none of transit, naming the key id that it came with.
 */
export function transitText(ciphertext: Uint8Array, keyId: string): string {
  const text = Buffer.from(ciphertext.buffer, ciphertext.byteOffset, ciphertext.byteLength).toString('latin1');
  if (ciphertextVersion(text) === undefined) throw notOurs('does not begin with vault:v<version>:', keyId);
  return text;
}

function notOurs(fault: string, keyId: string): CodedError {
  const came = keyId === '' ? '' : `; it came with the key id ${JSON.stringify(keyId.slice(0, 100))}`;
  return new CodedError('KMS_CIPHERTEXT_INVALID', `the ciphertext is not one of transit: it ${fault}${came}`, {
    remedy:
      'If another KMS plugin made it, serve that plugin as well until all is rewritten; else restore the data from a backup of etcd.',
  });
}
