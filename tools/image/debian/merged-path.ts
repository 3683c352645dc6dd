import { posix } from 'node:path';

const merged = /^\/(bin|sbin|lib|lib32|lib64|libx32)(?=\/|$)/;

/** Where `path` is in a root whose /bin, /sbin and /lib are links into /usr, which many packages of bookworm still name. */
export function mergedPath(path: string): string {
  return posix.resolve('/', path).replace(merged, '/usr/$1');
}

/** Those links. */
export const mergedLinks = ['bin', 'sbin', 'lib', 'lib64'].map((name) => ({
  type: 'link' as const,
  path: `/${name}`,
  target: `usr/${name}`,
}));
