/**
 * What ceph-csi leaves on a node when it stages a volume: the filesystem is mounted in a folder below the staging path, named
 * after the volume, with a note beside it (`image-meta.json`). A driver that replaces it on a running node finds pods there.
 */
import { lstat, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../errors';
import type { Mapping } from '../luks/mapping';
import type { VolumeDeps } from './context';

const noteName = 'image-meta.json';

/** Where the volume's filesystem is mounted for this staging path, by whichever driver. */
export async function stagedMount(
  deps: VolumeDeps,
  volumeId: string,
  stagingPath: string,
  mapping: Mapping,
): Promise<string | undefined> {
  for (const path of [stagingPath, join(stagingPath, volumeId)]) {
    // The path may carry a mount of somebody else by now.
    if ((await deps.mounts.find(path))?.deviceNumber === mapping.deviceNumber) return path;
  }
  return undefined;
}

/** Removes the folder or file and the note, after the unmount. No error when ceph-csi never staged it. */
export async function clearForeignStage(deps: VolumeDeps, volumeId: string, stagingPath: string): Promise<void> {
  // What is mounted there now is not of this volume, and its files are not ours to remove.
  if (await deps.mounts.find(stagingPath)) return;
  const place = join(stagingPath, volumeId);
  try {
    if ((await lstat(place)).isDirectory()) await rmdir(place);
    else await rm(place);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
  }
  await rm(join(stagingPath, noteName), { force: true });
}
