/** How full a volume is. */
import { statfs } from 'node:fs/promises';

export interface Amounts {
  readonly total: number;
  readonly used: number;
  /** For users who are not root. */
  readonly available: number;
}

export interface FilesystemUsage {
  readonly bytes: Amounts;
  readonly inodes: Amounts;
}

/** Of the file system that `path` is on. For raw block, device/block-size.ts has the size. */
export async function filesystemUsage(path: string): Promise<FilesystemUsage> {
  const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(path);
  return {
    bytes: { total: blocks * bsize, used: (blocks - bfree) * bsize, available: bavail * bsize },
    inodes: { total: files, used: files - ffree, available: ffree },
  };
}
