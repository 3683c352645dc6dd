/** The paths that the kubelet gives a driver, and the folders that it makes before it calls (facts: CSI contract §5). */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { PathMap } from './path-map';

export interface KubeletVolume {
  readonly driverName: string;
  readonly volumeId: string;
  readonly pvName: string;
  readonly podUid: string;
}

const kubelet = '/var/lib/kubelet';

/** Staging path of a volume; the folder exists. @throws Error when a mount there would not reach the node. */
export function stagingPath(paths: PathMap, { driverName, volumeId }: KubeletVolume): string {
  const hash = createHash('sha256').update(volumeId).digest('hex');
  const path = paths.toLocalMountPoint(`${kubelet}/plugins/kubernetes.io/csi/${driverName}/${hash}/globalmount`);
  mkdirSync(path, { recursive: true, mode: 0o750 });
  return path;
}

/** Target path of a volume in a pod; only its parent exists. @throws Error as {@link stagingPath}. */
export function targetPath(paths: PathMap, { pvName, podUid }: KubeletVolume): string {
  const path = paths.toLocalMountPoint(`${kubelet}/pods/${podUid}/volumes/kubernetes.io~csi/${pvName}/mount`);
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  return path;
}
