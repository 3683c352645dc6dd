/** Images of one program, for a cluster that has no registry to take them from. */
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import type { Entry } from './entry';
import type { Image } from './write-image';

/**
 * A statically linked program, as `npm run tools` builds them, at /NAME: where the images of the Kubernetes sidecars have
 * theirs. Runs as root unless the Pod says otherwise, as those do. Throws when there is no such file.
 */
export function programImage(name: string, program: string): Image {
  const path = `/${basename(program)}`;
  const entries: Entry[] = [
    { type: 'file', path, mode: statSync(program).mode & 0o777, content: { file: program } },
    { type: 'folder', path: '/tmp', mode: 0o1777 },
  ];
  return { name, layers: [{ entries }], entrypoint: [path], compression: 'none' };
}
