/**
 * File systems that keyward makes: recognises them from their superblock without a process, and makes them with pinned
 * UUIDs. Sources: Linux Documentation/filesystems/ext4/super.rst; xfs_db(8) and libxfs xfs_format.h (struct xfs_dsb).
 */
import { open } from 'node:fs/promises';
import type { FsType } from '../device/record';
import { CodedError } from '../errors';
import { type Run, ToolError } from '../process/run';

export interface Superblock {
  readonly type: 'ext2' | 'ext3' | FsType;
  readonly uuid: string;
  /** Of the file system, which may be smaller than its device. A mounted XFS tells it late. */
  readonly sizeBytes: number;
  /** An ext that says itself that it has errors, or that it was not unmounted and has no journal. */
  readonly needsCheck?: true;
}

export interface MkfsRequest {
  readonly device: string;
  readonly type: FsType;
  /** Pinned in the volume's record, so that a repeated call recognises its own work. */
  readonly uuid: string;
  /** Instead of the default ones. */
  readonly options?: readonly string[];
}

/** As ceph-csi: no blocks kept for root, no time spent on discarding or zeroing what is known to be blank. */
const defaultOptions: Readonly<Record<FsType, readonly string[]>> = {
  ext4: ['-m0', '-Enodiscard,lazy_itable_init=1,lazy_journal_init=1'],
  xfs: ['-K', '-mreflink=0'],
};
const fsTypes: readonly string[] = Object.keys(defaultOptions);
const mkfsTimeoutMs = 10 * 60 * 1000;
const headBytes = 4096;
/** Bits of s_state in the superblock of ext. */
const [extClean, extHasErrors] = [1, 2];

/** @throws CodedError FILESYSTEM_UNKNOWN. */
export function parseFsType(name: string): FsType {
  if (isFsType(name)) return name;
  throw new CodedError('FILESYSTEM_UNKNOWN', `${name} is not a file system that keyward makes`, {
    remedy: `Use ${fsTypes.join(' or ')}.`,
  });
}

/** Undefined when there is neither an ext nor an XFS superblock. @throws CodedError DEVICE_UNREADABLE. */
export async function readSuperblock(device: string): Promise<Superblock | undefined> {
  try {
    const file = await open(device, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
      return parseSuperblock(buffer.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new CodedError('DEVICE_UNREADABLE', `${device} cannot be read`, {
      remedy: 'Check the device and the storage behind it; nothing was written.',
      cause,
    });
  }
}

/** @param head The first 4 KiB of the device. */
export function parseSuperblock(head: Buffer): Superblock | undefined {
  return parseXfs(head) ?? parseExt(head);
}

/** Makes the file system, over whatever is there: the caller has proven that it may. @throws CodedError CAPACITY_OUT_OF_RANGE, TOOL_FAILED. */
export async function makeFilesystem(run: Run, request: MkfsRequest, signal?: AbortSignal): Promise<void> {
  const { device, type, uuid, options = defaultOptions[type] } = request;
  const fixed = type === 'ext4' ? ['-F', '-q', '-U', uuid] : ['-f', '-q', '-m', `uuid=${uuid}`];
  try {
    await run(`mkfs.${type}`, [...fixed, ...options, device], { timeoutMs: mkfsTimeoutMs, ...(signal && { signal }) });
  } catch (error) {
    if (!(error instanceof ToolError) || !/must be larger|too small/i.test(error.stderr)) throw error;
    throw new CodedError('CAPACITY_OUT_OF_RANGE', `the volume is too small for ${type}`, {
      remedy: type === 'xfs' ? 'Ask for at least 300 MiB, or use ext4.' : 'Ask for a larger volume.',
      cause: error,
    });
  }
}

/** The blank-separated options of a StorageClass. Undefined gives the default ones. */
export function splitMkfsOptions(text: string | undefined): readonly string[] | undefined {
  const options = text?.split(/\s+/).filter((it) => it !== '');
  return options?.length ? options : undefined;
}

function parseExt(head: Buffer): Superblock | undefined {
  if (head.length < 2048 || head.readUInt16LE(1024 + 0x38) !== 0xef53) return undefined;
  const block = head.subarray(1024, 2048);
  const logBlockSize = block.readUInt32LE(0x18);
  if (logBlockSize > 6) return undefined;
  const [compatible, incompatible] = [block.readUInt32LE(0x5c), block.readUInt32LE(0x60)];
  const is64Bit = (incompatible & 0x80) !== 0;
  const blocks = block.readUInt32LE(0x4) + (is64Bit ? block.readUInt32LE(0x150) * 2 ** 32 : 0);
  const hasExtents = (incompatible & 0x40) !== 0;
  const hasJournal = (compatible & 0x4) !== 0;
  const type = hasExtents || is64Bit ? 'ext4' : hasJournal ? 'ext3' : 'ext2';
  const uuid = formatUuid(block.subarray(0x68, 0x78));
  const needsCheck = (block.readUInt16LE(0x3a) & (extClean | extHasErrors)) !== extClean;
  return { type, uuid, sizeBytes: blocks * (1024 << logBlockSize), ...(needsCheck && { needsCheck }) };
}

function parseXfs(head: Buffer): Superblock | undefined {
  if (head.length < 48 || head.toString('latin1', 0, 4) !== 'XFSB') return undefined;
  const sizeBytes = head.readBigUInt64BE(8) * BigInt(head.readUInt32BE(4));
  return { type: 'xfs', uuid: formatUuid(head.subarray(32, 48)), sizeBytes: Number(sizeBytes) };
}

function formatUuid(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function isFsType(name: string): name is FsType {
  return fsTypes.includes(name);
}
