/** Whether a mounted file system still works. The kernel keeps it mounted after an error that stopped it. */
import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isErrno } from '../errors';
import { type Mount, readMountinfo, resolveMountPoint, topMount } from './mountinfo';

/**
 * Why the file system at `mountPoint` has stopped; undefined when it has not, and when nothing is mounted there. XFS then
 * answers every look with EIO. ext4 refuses to be written to, and how it shows that depends on the kernel.
 */
export async function filesystemFault(mountPoint: string): Promise<string | undefined> {
  const path = await resolveMountPoint(mountPoint);
  const mounts = await readMountinfo();
  const present = path === undefined ? undefined : topMount(mounts, path);
  if (present === undefined) return undefined;
  if (mounts.some((it) => it.deviceNumber === present.deviceNumber && isStopped(it)))
    return 'the filesystem has become read-only, as the kernel makes it after an error';
  if (stopsAtErrors(present) && (await ext4Errors(present)) > 0)
    return 'the kernel found errors in the filesystem and lets nobody write to it';
  try {
    await stat(present.mountPoint);
    return undefined;
  } catch (error) {
    if (isErrno(error, 'EIO')) return 'the kernel has shut the filesystem down after an error';
    throw error;
  }
}

/** A read-only file system below a mount for writing (Linux to 6.11, without later corrections), or the words of Linux 6.15. */
export function isStopped({ options, superOptions }: Mount): boolean {
  const turned = options.includes('rw') && superOptions.includes('ro');
  return turned || superOptions.includes('emergency_ro') || superOptions.includes('shutdown');
}

/** In between, ext4 tells only that it counted an error. With `errors=continue` it goes on all the same. */
function stopsAtErrors({ fsType, superOptions }: Mount): boolean {
  return fsType === 'ext4' && superOptions.includes('rw') && superOptions.includes('errors=remount-ro');
}

async function ext4Errors({ deviceNumber }: Mount): Promise<number> {
  try {
    const name = basename(await realpath(join('/sys/dev/block', deviceNumber)));
    return Number((await readFile(join('/sys/fs/ext4', name, 'errors_count'), 'utf8')).trim());
  } catch (error) {
    // No block device, or one that is being unmounted.
    if (isErrno(error, 'ENOENT', 'ENODEV', 'ENXIO')) return 0;
    throw error;
  }
}
