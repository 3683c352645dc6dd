/** The npm packages of which a bundle has code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A package as its own description names it. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression; undefined where the package gives none. */
  readonly license: string | undefined;
}

/** The packages that `sources` (paths relative to `root`) belong to, each once, sorted by name and version. */
export function npmPackagesOf(root: string, sources: readonly string[]): readonly NpmPackage[] {
  const folders = new Set(sources.flatMap((source) => packageFolder(source) ?? []));
  const packages = [...folders].map((folder) => describe(join(root, folder)));
  return packages.sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
}

/** `node_modules/a/node_modules/@b/c/d.js` is of the package in `node_modules/a/node_modules/@b/c`. */
function packageFolder(source: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(source)?.[0];
}

function describe(folder: string): NpmPackage {
  const text = readFileSync(join(folder, 'package.json'), 'utf8');
  const { name, version, license } = JSON.parse(text) as { name: string; version: string; license?: unknown };
  return { name, version, license: typeof license === 'string' ? license : undefined };
}

function keyOf({ name, version }: NpmPackage): string {
  return `${name}@${version}`;
}
