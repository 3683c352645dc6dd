/** What is mounted where, as the kernel tells it. Source: proc_pid_mountinfo(5). */
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SharedLook } from '../async/shared-look';
import { isErrno } from '../errors';

export interface Mount {
  readonly id: number;
  readonly parentId: number;
  /** major:minor of the file system; for most on a block device that of the device. */
  readonly deviceNumber: string;
  /** The folder (or file) of the file system that is seen at the mount point: `/` unless it is a bind mount. */
  readonly root: string;
  readonly mountPoint: string;
  readonly fsType: string;
  readonly source: string;
  /** Of this mount, for example `ro`. */
  readonly options: readonly string[];
  /** Of the file system, for all its mounts. */
  readonly superOptions: readonly string[];
}

/** Lines that are not of the documented form are left out. */
export function parseMountinfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}

function parseLine(line: string): Mount | undefined {
  const fields = line.split(' ');
  // Between the sixth field and the dash is a list of any length.
  const dash = fields.indexOf('-', 6);
  const [id, parentId, deviceNumber, root, mountPoint, options] = fields;
  const [fsType, source, superOptions] = dash < 0 ? [] : fields.slice(dash + 1);
  if (id === undefined || parentId === undefined || deviceNumber === undefined || root === undefined) return undefined;
  if (mountPoint === undefined || options === undefined || fsType === undefined || source === undefined)
    return undefined;
  return {
    id: Number(id),
    parentId: Number(parentId),
    deviceNumber,
    root: decodeOctal(root),
    mountPoint: decodeOctal(mountPoint),
    fsType: decodeOctal(fsType),
    source: decodeOctal(source),
    options: options.split(','),
    superOptions: (superOptions ?? '').split(','),
  };
}

/** Blank, tab, newline, backslash and `#` come as octal bytes; the rest of UTF-8 comes as it is. */
function decodeOctal(field: string): string {
  return field.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

const own = new SharedLook(() => read('/proc/self/mountinfo'));

/** Of this process; those of another from its file. The kernel writes each line anew for each reader. */
export function readMountinfo(path?: string): Promise<readonly Mount[]> {
  return path === undefined ? own.now() : read(path);
}

async function read(path: string): Promise<readonly Mount[]> {
  return parseMountinfo(await readFile(path, 'utf8'));
}

/** The mount that is on top at `mountPoint` (an absolute path without symbolic links). */
export function topMount(mounts: readonly Mount[], mountPoint: string): Mount | undefined {
  return mounts.findLast((it) => it.mountPoint === mountPoint);
}

/** The mount that holds `path` (absolute, without symbolic links). */
export function holdingMount(mounts: readonly Mount[], path: string): Mount | undefined {
  for (let at = path; ; at = dirname(at)) {
    const mount = topMount(mounts, at);
    if (mount || at === '/') return mount;
  }
}

/**
 * `path` without symbolic links, as it would be in mountinfo; undefined when its folder is not there. The last part is
 * left alone, because looking at the root of a broken mount fails.
 */
export async function resolveMountPoint(path: string): Promise<string | undefined> {
  try {
    return join(await realpath(dirname(path)), basename(path));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
