/** Where a staged volume is seen on this node: asked of the kernel, never remembered. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { deviceNumber } from '../device/block-size';
import { isErrno } from '../errors';
import type { Mapping } from '../luks/mapping';
import { type Mount, readMountinfo, resolveMountPoint } from '../mount/mountinfo';
import { volumeNotFound } from './records';

/** Mount points of the volume: of its filesystem, or of its device node for raw block. */
export async function placesOf(mapping: Mapping): Promise<readonly string[]> {
  const mounts = await readMountinfo();
  const places = new Set<string>();
  for (const mount of mounts) if (await shows(mapping, mount)) places.add(mount.mountPoint);
  return [...places];
}

/** Whether a mount is the volume's filesystem or its device node. A node is seen only where nothing lies over it. */
export async function shows(mapping: Mapping, { deviceNumber: number, root, mountPoint }: Mount): Promise<boolean> {
  // A bound device node is a file of devtmpfs: its root is not '/'.
  return number === mapping.deviceNumber || (root !== '/' && isNodeOf(mapping, mountPoint));
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
