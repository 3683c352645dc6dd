/**
 * How much room there is for new images. Images are sparse, so what they promise counts, not what they take.
 *
 * With a configured capacity the operator has decided, also to promise more than the disk has. Without one, nothing is
 * promised that the disk could not keep: free space less what present images may still grow into.
 */
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, isErrno } from '../../errors';

/** @param folders Hold image files, and nothing else. */
export async function availableBytes(folders: readonly string[], capacityBytes?: number): Promise<number> {
  const images = (await Promise.all(folders.map(imagesIn))).flat();
  const promised = sum(images.map((it) => it.size));
  if (capacityBytes !== undefined) return Math.max(0, capacityBytes - promised);
  const { bavail, bsize } = await statfs(folders[0] ?? '/');
  const toCome = sum(images.map((it) => Math.max(0, it.size - it.blocks * 512)));
  return Math.max(0, bavail * bsize - toCome);
}

/** @throws CodedError STORAGE_FULL. */
export function requireRoom(neededBytes: number, available: number): void {
  if (neededBytes <= available) return;
  throw new CodedError('STORAGE_FULL', `${neededBytes} bytes are needed and ${available} are available for volumes`, {
    remedy: 'Delete volumes or snapshots, enlarge the disk, or raise the configured capacity.',
  });
}

async function imagesIn(folder: string): Promise<{ readonly size: number; readonly blocks: number }[]> {
  const files = await readdir(folder);
  const facts = files.map((file) =>
    stat(join(folder, file)).catch((error: unknown) => {
      // Removed, or renamed, since the folder was read.
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }),
  );
  return (await Promise.all(facts)).filter((it) => it !== undefined);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
