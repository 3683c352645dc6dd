/** Makes a file system as large as its device (R16). */
import { blockSizeBytes } from '../device/block-size';
import type { FsType } from '../device/record';
import { CodedError } from '../errors';
import type { Run } from '../process/run';
import { readSuperblock } from './filesystem';
import { preen } from './repair';

export interface GrowRequest {
  readonly device: string;
  readonly type: FsType;
  /** Where it is mounted; without it the file system is not mounted. XFS grows only while it is mounted. */
  readonly mountPoint?: string;
}

const growTimeoutMs = 10 * 60 * 1000;
/** Less than this cannot be used: a file system has whole blocks, XFS whole allocation groups of at least 64 of them. */
const slackBytes = 64 * 1024;

/**
 * Whether there was something to grow. May be repeated.
 * @throws CodedError FILESYSTEM_FOREIGN another file system is on the device; FILESYSTEM_DAMAGED; TOOL_FAILED;
 * VOLUME_NOT_STAGED an XFS that is not mounted.
 */
export async function growFilesystem(run: Run, request: GrowRequest, signal?: AbortSignal): Promise<boolean> {
  const { device, type, mountPoint } = request;
  const superblock = await readSuperblock(device);
  if (superblock?.type !== type) throw foreign(device, superblock?.type, type);
  if ((await blockSizeBytes(device)) - superblock.sizeBytes < slackBytes) return false;
  const options = { timeoutMs: growTimeoutMs, ...(signal && { signal }) };
  if (type === 'xfs') {
    if (mountPoint === undefined) throw notMounted(device);
    await run('xfs_growfs', ['-d', mountPoint], options);
    return true;
  }
  // resize2fs wants a fresh check of a file system that is not mounted.
  if (mountPoint === undefined) await preen(run, device, ['-f'], signal);
  await run('resize2fs', [device], options);
  return true;
}

function foreign(device: string, actual: string | undefined, expected: FsType): CodedError {
  return new CodedError('FILESYSTEM_FOREIGN', `${device} holds ${actual ?? 'no known file system'}, not ${expected}`, {
    remedy: 'Somebody made another file system on the volume; its size is theirs to manage.',
  });
}

function notMounted(device: string): CodedError {
  return new CodedError('VOLUME_NOT_STAGED', `the XFS on ${device} can grow only while it is mounted`, {
    remedy: 'Stage the volume first.',
  });
}
