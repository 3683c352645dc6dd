/**
 * Is a device blank? The answer has three values, because "nothing found" and "could not look" must never be the same
 * (R1). Blank needs two witnesses: our own reads see only zeros, and blkid finds no signature. blkid alone proves
 * nothing: its exit code for "no signature" is also the one for "no such device".
 */
import { type FileHandle, open } from 'node:fs/promises';
import { CodedError, isCoded } from '../errors';
import { type Run, ToolError } from '../process/run';
import { blockSizeBytes } from './block-size';

export type Probe =
  | { readonly state: 'blank' }
  /** `found`: in blkid's words (`ext4`, `crypto_LUKS`), or where bytes other than zero are. */
  | { readonly state: 'data'; readonly found: string }
  | { readonly state: 'unreadable'; readonly error: CodedError };

const mebibyte = 1024 * 1024;
const sampleBytes = 64 * 1024;
const samples = 64;
const zeros = Buffer.alloc(mebibyte);

export interface ProbeOptions {
  /** What is before this is not looked at. Default 0. */
  readonly fromByte?: number;
  /** Reads every byte, not only samples. */
  readonly whole?: boolean;
  readonly signal?: AbortSignal;
}

/** Looks at a block device or an image file. Throws only TOOL_MISSING and ABORTED: what the device does is in the answer. */
export async function probe(run: Run, device: string, options: ProbeOptions = {}): Promise<Probe> {
  const { fromByte = 0, whole = false, signal } = options;
  try {
    const sizeBytes = await blockSizeBytes(device);
    if (sizeBytes <= fromByte) return { state: 'unreadable', error: unreadable(device, 'it has no bytes there') };
    const [nonZero, signature] = await Promise.all([
      findNonZero(device, fromByte, whole ? every(sizeBytes - fromByte) : places(sizeBytes - fromByte)),
      findSignature(run, device, fromByte, signal),
    ]);
    if (signature !== undefined) return { state: 'data', found: signature };
    return nonZero === undefined ? { state: 'blank' } : { state: 'data', found: `data at byte ${nonZero}` };
  } catch (error) {
    if (isCoded(error, 'ABORTED', 'TOOL_MISSING')) throw error;
    return {
      state: 'unreadable',
      error: error instanceof CodedError ? error : unreadable(device, 'a read failed', error),
    };
  }
}

/** The offset of the first block that was looked at and is not all zeros. */
async function findNonZero(device: string, fromByte: number, places: Places): Promise<number | undefined> {
  const file = await open(device, 'r');
  const buffer = Buffer.alloc(mebibyte);
  try {
    for (const [offset, lengthBytes] of places) {
      const part = buffer.subarray(0, lengthBytes);
      await fill(file, device, part, fromByte + offset);
      if (!part.equals(zeros.subarray(0, lengthBytes))) return fromByte + offset;
    }
    return undefined;
  } finally {
    await file.close();
  }
}

type Places = Generator<readonly [offset: number, lengthBytes: number], void>;

function* every(sizeBytes: number): Places {
  for (let offset = 0; offset < sizeBytes; offset += mebibyte) yield [offset, Math.min(mebibyte, sizeBytes - offset)];
}

/** The first and the last MiB, where signatures are, and samples in between. All of a small device. */
function* places(sizeBytes: number): Places {
  if (sizeBytes <= 2 * mebibyte + samples * sampleBytes) return yield* every(sizeBytes);
  yield [0, mebibyte];
  yield [sizeBytes - mebibyte, mebibyte];
  const step = (sizeBytes - 2 * mebibyte) / samples;
  for (let i = 0; i < samples; i += 1) yield [4096 * Math.floor((mebibyte + i * step) / 4096), sampleBytes];
}

async function fill(file: FileHandle, device: string, buffer: Buffer, offset: number): Promise<void> {
  for (let filled = 0; filled < buffer.length; ) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, offset + filled);
    if (bytesRead === 0) throw unreadable(device, 'it ends before its size');
    filled += bytesRead;
  }
}

/** The type that blkid names. It reads past its cache: `--probe`. */
async function findSignature(
  run: Run,
  device: string,
  fromByte: number,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const args = ['--probe', '--output', 'export', '--offset', `${fromByte}`, device];
  const options = { okExitCodes: [0, 2, 8], timeoutMs: 30_000, ...(signal && { signal }) };
  try {
    const { exitCode, stdout } = await run('blkid', args, options);
    if (exitCode === 2) return undefined;
    if (exitCode === 8) return 'several contradicting signatures';
    return /^(?:TYPE|PTTYPE)=(.*)$/m.exec(stdout)?.[1] ?? 'a signature';
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    throw unreadable(device, 'blkid failed', error);
  }
}

function unreadable(device: string, why: string, cause?: unknown): CodedError {
  return new CodedError('DEVICE_UNREADABLE', `${device} could not be looked at: ${why}`, {
    remedy: 'Check the device and the storage behind it; nothing was written.',
    ...(cause !== undefined && { cause }),
  });
}
