/** The two images that every node has: one that holds a pod's namespaces, and a shell for small pods. */
import { join } from 'node:path';
import { requireTool } from '../ensure';
import type { Entry } from '../image/entry';
import { writeImage } from '../image/write-image';

export const pauseImage = 'localhost/pause:1';
export const busyboxImage = 'localhost/busybox:1';

const applets =
  'sh cat echo ls id mount umount df date sleep sync touch rm mkdir wc dd md5sum sha256sum head tail grep sed cut tr seq find ps kill hostname ip nslookup wget nc stat od true false test env';

/** Writes their archives into `folder`. @returns paths of the archives */
export async function writeBasicImages(folder: string): Promise<readonly string[]> {
  const entries: readonly Entry[] = [
    { type: 'file', path: '/bin/busybox', mode: 0o755, content: { file: requireTool('busybox') } },
    ...applets.split(' ').map((name): Entry => ({ type: 'link', path: `/bin/${name}`, target: 'busybox' })),
    { type: 'folder', path: '/tmp', mode: 0o1777 },
    { type: 'folder', path: '/data' },
    { type: 'folder', path: '/etc' },
  ];
  const common = { layers: [{ entries }], compression: 'none' } as const;
  const [pause, busybox] = [join(folder, 'pause.tar'), join(folder, 'busybox.tar')];
  // As process 1 it ignores SIGTERM, and who ends a pod's namespaces sends SIGKILL.
  await writeImage({ ...common, name: pauseImage, entrypoint: ['/bin/sleep', '2147483647'] }, pause);
  await writeImage({ ...common, name: busyboxImage, entrypoint: [], command: ['/bin/sh'] }, busybox);
  return [pause, busybox];
}
