/**
 * Reads a LUKS2 header without a process: both copies are checked and the newest valid one is used, by the rules of
 * libcryptsetup, so that what is verified here is what cryptsetup will act on.
 * Source: "LUKS2 On-Disk Format Specification" 1.1.4, sections 2.1–2.4.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { CodedError } from '../errors';
import { type HeaderJson, type Keyslot, parseHeaderJson, type Segment, type Token } from './header-json';

export type { Keyslot, Segment, Token } from './header-json';

export interface Luks2Header {
  readonly uuid: string;
  readonly label: string;
  readonly sequence: number;
  /** Of the first encrypted segment, like the five that follow. */
  readonly cipher: string;
  readonly sectorSizeBytes: number;
  readonly dataOffsetBytes: number;
  /** Size of the volume key. 0 when no keyslot holds it any more. */
  readonly keySizeBits: number;
  readonly integrity?: string;
  readonly segments: readonly Segment[];
  readonly keyslots: readonly Keyslot[];
  readonly tokens: readonly Token[];
  readonly requirements: readonly string[];
  /** The copy that is unreadable or older than the other; cryptsetup repairs it when it opens the device for writing. */
  readonly damagedCopy?: 'primary' | 'secondary';
}

interface Copy {
  readonly uuid: string;
  readonly label: string;
  readonly sequence: bigint;
  readonly sizeBytes: number;
  readonly json: HeaderJson;
}

const binaryBytes = 4096;
/** Sizes of one copy that the format allows, and so the places where a second copy may begin. */
const copySizes = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096].map((kibibytes) => kibibytes * 1024);
const primaryMagic = Buffer.from('LUKS\xba\xbe', 'latin1');
const secondaryMagic = Buffer.from('SKUL\xba\xbe', 'latin1');

/**
 * @param path A block device or an image file.
 * @throws CodedError LUKS_NOT_LUKS no header; LUKS_HEADER_INVALID a header that no copy of is whole, or LUKS1;
 *   DEVICE_UNREADABLE the storage failed.
 */
export async function readHeader(path: string): Promise<Luks2Header> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const source = await openSource(file, path);
    const primary = await readCopy(source, 0, primaryMagic);
    const secondary = await readSecondary(source, primary);
    return choose(path, primary, secondary);
  } finally {
    await file.close();
  }
}

type Read = Copy | 'absent' | 'invalid';

async function readSecondary(source: Source, primary: Read): Promise<Read> {
  const offsets = typeof primary === 'object' ? [primary.sizeBytes] : copySizes;
  let result: Read = 'absent';
  for (const offset of offsets) {
    const copy = await readCopy(source, offset, secondaryMagic);
    if (typeof copy === 'object') return copy;
    if (copy === 'invalid') result = copy;
  }
  return result;
}

async function readCopy(source: Source, offset: number, magic: Buffer): Promise<Read> {
  const binary = await readAt(source, offset, binaryBytes);
  if (!binary.subarray(0, magic.length).equals(magic)) return 'absent';
  if (binary.length < binaryBytes || binary.readUInt16BE(6) !== 2) return 'invalid';
  const sizeBytes = Number(binary.readBigUInt64BE(8));
  if (!copySizes.includes(sizeBytes) || binary.readBigUInt64BE(256) !== BigInt(offset)) return 'invalid';
  const whole = await readAt(source, offset, sizeBytes);
  if (whole.length < sizeBytes || !checksumMatches(whole)) return 'invalid';
  const area = whole.subarray(binaryBytes);
  const end = area.indexOf(0);
  const json = end < 0 ? undefined : parseHeaderJson(area.toString('utf8', 0, end));
  if (json === undefined) return 'invalid';
  return {
    uuid: text(whole, 168, 40),
    label: text(whole, 24, 48),
    sequence: whole.readBigUInt64BE(16),
    sizeBytes,
    json,
  };
}

/** libcryptsetup has only ever written sha256 here. */
function checksumMatches(whole: Buffer): boolean {
  if (text(whole, 72, 32) !== 'sha256') return false;
  const digest = createHash('sha256')
    .update(whole.subarray(0, 448))
    .update(Buffer.alloc(64))
    .update(whole.subarray(512))
    .digest();
  return digest.equals(whole.subarray(448, 480));
}

function choose(path: string, primary: Read, secondary: Read): Luks2Header {
  if (typeof primary === 'object') {
    if (typeof secondary !== 'object') return toHeader(path, primary, 'secondary');
    if (secondary.sequence > primary.sequence) return toHeader(path, secondary, 'primary');
    return toHeader(path, primary, secondary.sequence < primary.sequence ? 'secondary' : undefined);
  }
  if (typeof secondary === 'object') return toHeader(path, secondary, 'primary');
  if (primary === 'invalid' || secondary === 'invalid') {
    throw invalid(path, 'neither copy of the LUKS2 header is whole, or it is LUKS version 1');
  }
  throw new CodedError('LUKS_NOT_LUKS', `${path} has no LUKS2 header`, {
    remedy: 'Check that this is the device of an encrypted volume; never format it unless its record says it is new.',
  });
}

function toHeader(path: string, copy: Copy, damagedCopy: Luks2Header['damagedCopy']): Luks2Header {
  const { uuid, label, sequence, json } = copy;
  const segment = json.segments.find((it) => it.type === 'crypt');
  if (segment?.cipher === undefined || segment.sectorSizeBytes === undefined) {
    throw invalid(path, 'the LUKS2 header names no encrypted segment');
  }
  const slot = json.keyslots.find((it) => it.type === 'luks2' && segment.keyslots.includes(it.id));
  return {
    uuid: uuid.toLowerCase(),
    label,
    sequence: Number(sequence),
    cipher: segment.cipher,
    sectorSizeBytes: segment.sectorSizeBytes,
    dataOffsetBytes: segment.offsetBytes,
    keySizeBits: slot?.keySizeBits ?? 0,
    ...(segment.integrity !== undefined && { integrity: segment.integrity }),
    ...json,
    ...(damagedCopy && { damagedCopy }),
  };
}

function text(buffer: Buffer, offset: number, lengthBytes: number): string {
  const field = buffer.subarray(offset, offset + lengthBytes);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? lengthBytes : end);
}

interface Source {
  readonly file: FileHandle;
  readonly path: string;
  /** The beginning, read at once: both copies of a header with the sizes that we write. */
  readonly beginning: Buffer;
}

const beginningBytes = 32 * 1024;

async function openSource(file: FileHandle, path: string): Promise<Source> {
  return { file, path, beginning: await readBytes(file, path, 0, beginningBytes) };
}

async function readAt({ file, path, beginning }: Source, offset: number, lengthBytes: number): Promise<Buffer> {
  const end = offset + lengthBytes;
  // A source that ends before the window does has no more to give either.
  if (end <= beginning.length || beginning.length < beginningBytes) return beginning.subarray(offset, end);
  return readBytes(file, path, offset, lengthBytes);
}

async function readBytes(file: FileHandle, path: string, offset: number, lengthBytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(lengthBytes);
  let filled = 0;
  while (filled < lengthBytes) {
    const { bytesRead } = await file
      .read(buffer, filled, lengthBytes - filled, offset + filled)
      .catch((error: unknown) => {
        throw unreadable(path, error);
      });
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

function invalid(path: string, what: string): CodedError {
  return new CodedError('LUKS_HEADER_INVALID', `${path}: ${what}`, {
    remedy:
      'Restore the header with cryptsetup luksHeaderRestore if you have a backup of it, or the volume from a snapshot.',
  });
}

function unreadable(path: string, cause: unknown): CodedError {
  return new CodedError('DEVICE_UNREADABLE', `${path} cannot be read`, {
    remedy: 'Check the device and the storage behind it; nothing was written.',
    cause,
  });
}
