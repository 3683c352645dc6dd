/** Standard base64 as Go writes and reads it. Node.js alone would skip foreign characters in silence. */

/** The bytes, or undefined for text that is not standard base64 with padding, to the last bit. */
export function fromBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
