/**
 * A key as the plaintext of Key Protect, which is base64. ceph-csi hands its key over as if it were base64 already: the
 * service wraps the bytes that it decodes to, and gives the same text back. That fails there for a key with `-` or `_`, so
 * ceph-csi cannot have stored one. Such keys are stored here as base64 of a mark and the text.
 */
import { Secret } from '../../secret';
import { fromBase64 } from '../base64';

const mark = Buffer.from('keyward\0');

export function toPlaintext(dek: Secret): string {
  return dek.use((bytes) => {
    const text = bytes.toString('latin1');
    if (text !== '' && fromBase64(text)) return text;
    return Buffer.concat([mark, bytes]).toString('base64');
  });
}

/** Undefined for what is not base64. */
export function fromPlaintext(plaintext: string): Secret | undefined {
  const bytes = fromBase64(plaintext);
  if (!bytes) return undefined;
  return bytes.subarray(0, mark.length).equals(mark)
    ? Secret.take(bytes.subarray(mark.length))
    : Secret.fromText(plaintext);
}
