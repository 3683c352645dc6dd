/**
 * What ceph-csi leaves on a node when it stages a volume: the filesystem, or the device node, is mounted below the staging path
 * under the name of the volume, with a note beside it (`image-meta.json`). A driver that replaces it on a running node finds
 * pods there.
 */
import { lstat, rm, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isErrno } from '../errors';
import type { Mapping } from '../luks/mapping';
import type { VolumeDeps } from './context';
import { placesOf, shows } from './where';

const noteName = 'image-meta.json';

/** Where the volume is seen for this staging path, by whichever driver: at both places when one staged it over the other. */
export async function stagedPlaces(
  deps: VolumeDeps,
  volumeId: string,
  stagingPath: string,
  mapping: Mapping,
): Promise<readonly string[]> {
  const places: string[] = [];
  for (const path of [stagingPath, join(stagingPath, volumeId)]) {
    const top = await deps.mounts.find(path);
    // The path may carry a mount of somebody else by now.
    if (top && (await shows(mapping, top))) places.push(top.mountPoint);
  }
  return places;
}

export interface ForeignStage {
  /** Where the filesystem or the device node is. */
  readonly stagingPath: string;
  readonly readOnly: boolean;
  /** As the kernel calls it; absent for a device node. */
  readonly fsType?: string;
}

/** How ceph-csi staged a volume for which there is no note of ours. */
export async function foreignStage(
  deps: VolumeDeps,
  volumeId: string,
  mapping: Mapping,
): Promise<ForeignStage | undefined> {
  const place = (await placesOf(mapping)).find((each) => basename(each) === volumeId);
  const mount = place === undefined ? undefined : await deps.mounts.find(place);
  if (!mount) return undefined;
  const isFilesystem = mount.deviceNumber === mapping.deviceNumber;
  return {
    stagingPath: mount.mountPoint,
    readOnly: mount.options.includes('ro'),
    ...(isFilesystem && { fsType: mount.fsType }),
  };
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
