/** Searches what others can read: the files below a folder, and every process's arguments and environment. */
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { isErrno } from '../../runtime/errors';
import { findBytes } from './find-bytes';

export interface Finding {
  /** How many files or processes were read. */
  readonly searched: number;
  /** For each needle the places where it was found: never the needle itself. */
  readonly places: readonly (readonly string[])[];
}

/** Files on other file systems are left out: what is in a mounted volume is the tenant's own. */
export async function searchFolder(root: string, needles: readonly Buffer[]): Promise<Finding> {
  const { dev } = await lstat(root);
  const places = needles.map((): string[] => []);
  let searched = 0;
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && (await lstat(path)).dev === dev) await visit(path);
      if (!entry.isFile()) continue;
      searched += 1;
      const { found } = await findBytes(path, needles);
      found.forEach(({ count }, index) => {
        if (count > 0) places[index]?.push(relative(root, path));
      });
    }
  };
  await visit(root);
  return { searched, places };
}

export async function searchProcesses(needles: readonly Buffer[]): Promise<Finding> {
  const places = needles.map((): string[] => []);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    for (const part of ['cmdline', 'environ']) {
      const path = join('/proc', pid, part);
      const content = await readProcess(path);
      needles.forEach((needle, index) => {
        if (content.includes(needle)) places[index]?.push(path);
      });
    }
  }
  return { searched: pids.length, places };
}

/** A process may end meanwhile, and those of other users may not be read: they got nothing from us. */
async function readProcess(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return Buffer.alloc(0);
    throw error;
  }
}
