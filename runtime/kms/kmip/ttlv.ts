/**
 * TTLV, the encoding of KMIP messages (KMIP 1.4 specification, section 9.1): tag (3 bytes), type (1), length (4), value,
 * padded to 8 bytes. Reading is strict: what this file would not write is refused, and every length is checked before use.
 */

interface Values {
  readonly structure: readonly Ttlv[];
  readonly integer: number;
  readonly long: bigint;
  readonly big: Buffer;
  readonly enumeration: number;
  readonly boolean: boolean;
  readonly text: string;
  readonly bytes: Buffer;
  readonly date: bigint;
  readonly interval: number;
}

export type TtlvType = keyof Values;

/** An item of one type. */
export interface TtlvOf<T extends TtlvType> {
  readonly tag: number;
  readonly type: T;
  readonly value: Values[T];
}

/** One item. Byte strings of an item that was read share memory with the message. */
export type Ttlv = { readonly [T in TtlvType]: TtlvOf<T> }[TtlvType];

/** Thrown for bytes that are no TTLV. Its message names a place, never a value. */
export class TtlvError extends Error {
  override readonly name = 'TtlvError';
}

export const headerBytes = 8;
/** A response to what we ask has five levels; a crafted one must not exhaust the stack. */
const maxDepth = 16;

const typeCodes = {
  structure: 1,
  integer: 2,
  long: 3,
  big: 4,
  enumeration: 5,
  boolean: 6,
  text: 7,
  bytes: 8,
  date: 9,
  interval: 10,
} as const satisfies Record<TtlvType, number>;

const typesByCode: ReadonlyMap<number, TtlvType> = new Map(
  Object.entries(typeCodes).map(([type, code]) => [code, type as TtlvType]),
);
const fixedLengths: Partial<Record<TtlvType, number>> = {
  integer: 4,
  enumeration: 4,
  interval: 4,
  long: 8,
  date: 8,
  boolean: 8,
};

export function encodeTtlv(item: Ttlv): Buffer {
  const value = valueBytes(item);
  const encoded = Buffer.alloc(headerBytes + padded(value.length));
  encoded.writeUIntBE(item.tag, 0, 3);
  encoded.writeUInt8(typeCodes[item.type], 3);
  encoded.writeUInt32BE(value.length, 4);
  value.copy(encoded, headerBytes);
  // The copies of inner items hold what the outermost one holds, keys among it.
  if (item.type === 'structure') value.fill(0);
  return encoded;
}

/** Reads exactly one item. @throws TtlvError */
export function decodeTtlv(message: Buffer): Ttlv {
  const { item, end } = readItem(message, 0, message.length, 0);
  if (end !== message.length) throw new TtlvError(`bytes follow the item, which ends at ${end}`);
  return item;
}

/** Whole size of the item that begins with these eight bytes. */
export function announcedBytes(header: Buffer): number {
  return headerBytes + padded(header.readUInt32BE(4));
}

function valueBytes(item: Ttlv): Buffer {
  switch (item.type) {
    case 'structure': {
      const parts = item.value.map(encodeTtlv);
      const whole = Buffer.concat(parts);
      for (const part of parts) part.fill(0);
      return whole;
    }
    case 'integer': {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32BE(item.value);
      return bytes;
    }
    case 'enumeration':
    case 'interval': {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(item.value);
      return bytes;
    }
    case 'long':
    case 'date': {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64BE(item.value);
      return bytes;
    }
    case 'boolean': {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt8(item.value ? 1 : 0, 7);
      return bytes;
    }
    case 'text':
      return Buffer.from(item.value, 'utf8');
    case 'bytes':
    case 'big':
      return item.value;
  }
}

function readItem(message: Buffer, start: number, limit: number, depth: number): { item: Ttlv; end: number } {
  if (limit - start < headerBytes) throw new TtlvError(`an item is cut off at ${start}`);
  if (depth > maxDepth) throw new TtlvError(`items are nested more than ${maxDepth} deep at ${start}`);
  const tag = message.readUIntBE(start, 3);
  const type = typesByCode.get(message.readUInt8(start + 3));
  if (type === undefined) throw new TtlvError(`an unknown type is at ${start}`);
  const length = message.readUInt32BE(start + 4);
  const from = start + headerBytes;
  const end = from + padded(length);
  if (end > limit) throw new TtlvError(`an item is longer than what holds it, at ${start}`);
  if (length !== (fixedLengths[type] ?? length)) throw new TtlvError(`a length does not fit its type, at ${start}`);
  if (type === 'big' && (length === 0 || length % 8 !== 0))
    throw new TtlvError(`a number has no multiple of 8 bytes, at ${start}`);
  if (message.subarray(from + length, end).some((byte) => byte !== 0))
    throw new TtlvError(`padding is not zero at ${start}`);
  return { item: readValue(tag, type, message, { from, to: from + length, depth }), end };
}

interface Place {
  readonly from: number;
  readonly to: number;
  readonly depth: number;
}

function readValue(tag: number, type: TtlvType, message: Buffer, { from, to, depth }: Place): Ttlv {
  switch (type) {
    case 'structure': {
      const value: Ttlv[] = [];
      for (let at = from; at < to; ) {
        const { item, end } = readItem(message, at, to, depth + 1);
        value.push(item);
        at = end;
      }
      return { tag, type, value };
    }
    case 'integer':
      return { tag, type, value: message.readInt32BE(from) };
    case 'enumeration':
    case 'interval':
      return { tag, type, value: message.readUInt32BE(from) };
    case 'long':
    case 'date':
      return { tag, type, value: message.readBigInt64BE(from) };
    case 'boolean': {
      const value = message.readBigUInt64BE(from);
      if (value > 1n) throw new TtlvError(`a boolean is neither 0 nor 1, at ${from}`);
      return { tag, type, value: value === 1n };
    }
    case 'text':
      return { tag, type, value: readText(message.subarray(from, to), from) };
    case 'bytes':
    case 'big':
      return { tag, type, value: message.subarray(from, to) };
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readText(bytes: Buffer, from: number): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new TtlvError(`text is not UTF-8 at ${from}`);
  }
}

function padded(length: number): number {
  return Math.ceil(length / 8) * 8;
}
