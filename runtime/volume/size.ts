/** Which size a volume gets: the smallest that the claim allows, in whole sectors, and large enough for its filesystem. */
import type { AccessType, FsType } from '../device/record';
import { CodedError } from '../errors';

const mebibyte = 1024 * 1024;

/** When the claim names no size. The same as ceph-csi's. */
const defaultSizeBytes = 1024 * mebibyte;
/** Encrypted sectors are up to 4,096 bytes; a volume is a whole number of them. */
const granuleBytes = 4096;

const smallestBytes: Readonly<Record<'block' | FsType, number>> = {
  block: mebibyte,
  ext4: 16 * mebibyte,
  // mkfs.xfs of today refuses less than 300 MiB.
  xfs: 300 * mebibyte,
};

export interface CapacityRange {
  /** 0 or absent: any. */
  readonly requiredBytes?: number;
  /** 0 or absent: no limit. */
  readonly limitBytes?: number;
}

/** @throws CodedError CAPACITY_OUT_OF_RANGE. */
export function chooseSize(range: CapacityRange, accessType: AccessType, fsType: FsType | undefined): number {
  const required = range.requiredBytes || Math.min(defaultSizeBytes, range.limitBytes || defaultSizeBytes);
  const limit = range.limitBytes || Number.MAX_SAFE_INTEGER;
  const smallest = smallestBytes[accessType === 'block' ? 'block' : (fsType ?? 'ext4')];
  const size = Math.ceil(required / granuleBytes) * granuleBytes;
  if (!Number.isSafeInteger(size) || size <= 0)
    throw outOfRange(`a size of ${required} bytes is not possible`, 'Ask for a size between 1 MiB and 8 PiB.');
  if (size < smallest) {
    const what = accessType === 'block' ? 'A block volume' : `A volume with ${fsType ?? 'ext4'}`;
    throw outOfRange(
      `a size of ${required} bytes is too small`,
      `${what} takes at least ${smallest} bytes (${smallest / mebibyte} MiB).`,
    );
  }
  if (size > limit) {
    throw outOfRange(
      `no size between ${required} and ${limit} bytes is a whole number of ${granuleBytes}-byte sectors`,
      `Raise limit_bytes to ${size} at least.`,
    );
  }
  return size;
}

/** Whether a volume that exists satisfies a range asked for later. */
export function fits(sizeBytes: number, range: CapacityRange): boolean {
  return sizeBytes >= (range.requiredBytes || 0) && sizeBytes <= (range.limitBytes || Number.MAX_SAFE_INTEGER);
}

function outOfRange(message: string, remedy: string): CodedError {
  return new CodedError('CAPACITY_OUT_OF_RANGE', message, { remedy });
}
