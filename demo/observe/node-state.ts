/** What of a folder's volumes is in the kernel: mounts, mappings, loop devices. Read from /proc and /sys, without a process. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../../runtime/errors';
import { readMountinfo } from '../../runtime/mount/mountinfo';

export interface NodeState {
  /** Mount points, the deepest last. */
  readonly mounts: readonly string[];
  /** Names of device-mapper devices over the loop devices. */
  readonly mappings: readonly string[];
  /** Loop devices over files of the folder, with their file. */
  readonly loops: readonly { readonly device: string; readonly file: string }[];
}

/** @param root Absolute, without symbolic links. */
export async function nodeState(root: string): Promise<NodeState> {
  const isBelow = (path: string) => path.startsWith(`${root}/`);
  const mounts = (await readMountinfo()).map((mount) => mount.mountPoint).filter(isBelow);
  const loops: { device: string; file: string }[] = [];
  const mappings: string[] = [];
  for (const name of (await readdir('/sys/block')).filter((each) => each.startsWith('loop'))) {
    const folder = join('/sys/block', name);
    const file = await ifPresent(readFile(join(folder, 'loop/backing_file'), 'utf8'));
    if (file === undefined || !isBelow(file)) continue;
    loops.push({ device: `/dev/${name}`, file: file.trim() });
    for (const holder of (await ifPresent(readdir(join(folder, 'holders')))) ?? []) {
      const mapping = await ifPresent(readFile(join('/sys/block', holder, 'dm/name'), 'utf8'));
      if (mapping !== undefined) mappings.push(mapping.trim());
    }
  }
  return { mounts, mappings, loops };
}

/** For example "3 mounts, 1 mapping, 1 loop device". */
export function describeState({ mounts, mappings, loops }: NodeState): string {
  const count = (list: readonly unknown[], word: string) => `${list.length} ${word}${list.length === 1 ? '' : 's'}`;
  return `${count(mounts, 'mount')}, ${count(mappings, 'mapping')}, ${count(loops, 'loop device')}`;
}

export function isEmpty({ mounts, mappings, loops }: NodeState): boolean {
  return mounts.length + mappings.length + loops.length === 0;
}

/** Free loop devices have no backing file; others vanish while they are looked at. */
async function ifPresent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENXIO', 'ENODEV')) return undefined;
    throw error;
  }
}
