/** How large a block device or an image file is. */
import { readFile, stat } from 'node:fs/promises';
import { CodedError } from '../errors';

/** major:minor of a device node, as /sys and /proc write it. Source: glibc's gnu_dev_major and gnu_dev_minor. */
export function deviceNumber(rdev: number): string {
  const all = BigInt(rdev);
  const major = ((all >> 8n) & 0xfffn) | ((all >> 32n) & ~0xfffn);
  const minor = (all & 0xffn) | ((all >> 12n) & 0xffff_ff00n);
  return `${major}:${minor}`;
}

/**
 * Bytes of a block device, or of a regular file.
 * @throws CodedError DEVICE_NOT_READY it is not there (yet); DEVICE_UNREADABLE it is something else.
 */
export async function blockSizeBytes(path: string): Promise<number> {
  const facts = await stat(path).catch((cause: unknown) => {
    throw new CodedError('DEVICE_NOT_READY', `${path} is not there`, {
      remedy: 'Repeat the call; if it stays away look at the log of the kernel.',
      cause,
    });
  });
  if (facts.isFile()) return facts.size;
  if (!facts.isBlockDevice()) {
    throw new CodedError('DEVICE_UNREADABLE', `${path} is neither a block device nor a file`, {
      remedy: 'Check the path.',
    });
  }
  // Seeking to the end would do as well, but Node.js has no seek and its stat says 0.
  const sectors = await readFile(`/sys/dev/block/${deviceNumber(facts.rdev)}/size`, 'utf8').catch((cause: unknown) => {
    throw new CodedError('DEVICE_NOT_READY', `the kernel no longer knows ${path}`, {
      remedy: 'Repeat the call.',
      cause,
    });
  });
  return Number(sectors.trim()) * 512;
}
