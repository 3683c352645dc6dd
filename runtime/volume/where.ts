/** Where a staged volume is seen on this node: asked of the kernel, never remembered. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { deviceNumber } from '../device/block-size';
import { isErrno } from '../errors';
import type { Mapping } from '../luks/mapping';
import { readMountinfo, resolveMountPoint } from '../mount/mountinfo';
import { volumeNotFound } from './records';

/** Mount points of the volume: of its filesystem, or of its device node for raw block. */
export async function placesOf(mapping: Mapping): Promise<readonly string[]> {
  const mounts = await readMountinfo();
  const places = new Set<string>();
  for (const { mountPoint, deviceNumber: number, root } of mounts) {
    // A bound device node is a file of devtmpfs: its root is not '/'.
    if (number === mapping.deviceNumber || (root !== '/' && (await isNodeOf(mapping, mountPoint))))
      places.add(mountPoint);
  }
  return [...places];
}

/** @throws CodedError VOLUME_NOT_FOUND when the path shows something else, or nothing. */
export async function requireVolumeAt(mapping: Mapping, volumeId: string, path: string): Promise<void> {
  const place = await resolveMountPoint(resolve(path));
  if (place !== undefined && (await placesOf(mapping)).includes(place)) return;
  throw volumeNotFound(`${volumeId} at ${path}`);
}

async function isNodeOf(mapping: Mapping, path: string): Promise<boolean> {
  try {
    const facts = await stat(path);
    return facts.isBlockDevice() && deviceNumber(facts.rdev) === mapping.deviceNumber;
  } catch (error) {
    // A mount point that another mount hides, or that belongs to a dead server.
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EIO', 'ESTALE', 'ENOTCONN')) return false;
    throw error;
  }
}
