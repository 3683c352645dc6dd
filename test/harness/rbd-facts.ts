/** What is true of a driver's volumes in Ceph, found out without the driver: by Ceph's own commands and from the kernel. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readMountinfo } from '../../runtime/mount/mountinfo';
import type { CephClient } from '../../tools/ceph/ceph-client';
import { pool } from './rbd-driver';

/** Objects of a pool in which no image ever was; what they list is looked at apart. */
const permanent = [
  'csi.snaps.default',
  'csi.volumes.default',
  'rbd_children',
  'rbd_directory',
  'rbd_info',
  'rbd_trash',
];
const lists = ['csi.snaps.default', 'csi.volumes.default', 'rbd_trash'];

/** What nobody would miss: objects of the pool and entries of its lists when there is no volume. */
export async function leftInPool(ceph: Pick<CephClient, 'rados'>): Promise<readonly string[]> {
  const objects = (await ceph.rados(['-p', pool, 'ls'])).split('\n').filter((name) => name !== '');
  const entries: string[] = [];
  for (const list of lists.filter((each) => objects.includes(each))) {
    const keys = (await ceph.rados(['-p', pool, 'listomapkeys', list])).split('\n').filter((key) => key !== '');
    entries.push(...keys.map((key) => `${list}: ${key}`));
  }
  return [...objects.filter((name) => !permanent.includes(name)), ...entries];
}

/** What of any volume is in the kernel: mapped images, mappings of device-mapper, mounts below a folder. */
export async function leftOnNode(folder: string): Promise<readonly string[]> {
  const mounts = (await readMountinfo()).map(({ mountPoint }) => mountPoint);
  return [
    ...mappedImages().map(({ image, device }) => `${image} at ${device}`),
    ...mappings(),
    ...mounts.filter((path) => path.startsWith(`${folder}/`)),
  ];
}

/** The images that the kernel has mapped. */
export function mappedImages(): readonly { readonly image: string; readonly device: string }[] {
  const folder = '/sys/bus/rbd/devices';
  const image = (id: string) => readFileSync(join(folder, id, 'name'), 'utf8').trim();
  return readdirSync(folder).map((id) => ({ image: image(id), device: `/dev/rbd${id}` }));
}

function mappings(): readonly string[] {
  const listed = execFileSync('dmsetup', ['ls'], { encoding: 'utf8' }).trim();
  return listed === 'No devices found' ? [] : listed.split('\n');
}
