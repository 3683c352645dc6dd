/** Ceph's encoding of the inputs of object class methods: little endian, lengths before contents. */

/** A text: its length, then its bytes. */
export function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([encodeU32(bytes.length), bytes]);
}

/** A map of texts: how many, then each key and value. */
export function encodeMap(entries: ReadonlyMap<string, string>): Buffer {
  const pairs = [...entries].flatMap(([key, value]) => [encodeText(key), encodeText(value)]);
  return Buffer.concat([encodeU32(entries.size), ...pairs]);
}

/** A span of time: seconds, then nanoseconds. */
export function encodeDuration(milliseconds: number): Buffer {
  const seconds = Math.floor(milliseconds / 1000);
  return Buffer.concat([encodeU32(seconds), encodeU32(Math.round((milliseconds - seconds * 1000) * 1e6))]);
}

/** A structure of version 1 that readers of version 1 understand: both versions, the length, the parts. */
export function encodeStructure(parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Uint8Array.of(1, 1), encodeU32(body.length), body]);
}

function encodeU32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
