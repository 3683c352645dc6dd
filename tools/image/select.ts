/** From all files of some packages, those that given ones need: the targets of links, dynamic linker and libraries. */
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { libraryFolder } from './architecture';
import { mergedPath } from './debian/merged-path';
import { elfNeeds } from './elf';
import type { Entry } from './entry';
import { ImageError } from './image-error';

/**
 * Entries of `available` that `roots` need, and those themselves; a root is a path of `available`, or an entry that is none
 * of a package's. Sorted by path.
 * @throws ImageError PATH_MISSING, LIBRARY_MISSING
 */
export function selectNeeded<E extends Entry>(
  available: ReadonlyMap<string, E>,
  roots: readonly (string | Entry)[],
): readonly E[] {
  const selected = new Map<string, E>();
  const visit = (path: string, neededBy: string) => {
    const plain = mergedPath(path);
    const entry = available.get(plain);
    if (entry === undefined) throw missing('PATH_MISSING', plain, neededBy);
    if (selected.has(plain)) return;
    selected.set(plain, entry);
    if (entry.type === 'link') visit(posix.resolve(posix.dirname(plain), entry.target), plain);
    else visitNeeds(entry);
  };
  const visitNeeds = (entry: Entry) => {
    if (entry.type !== 'file') return;
    const needs = elfNeeds(Buffer.isBuffer(entry.content) ? entry.content : readFileSync(entry.content.file));
    if (needs === undefined) return;
    if (needs.interpreter !== undefined) visit(needs.interpreter, entry.path);
    const origin = posix.dirname(entry.path);
    const folders = [
      ...needs.searchPath.map((folder) => mergedPath(folder.replaceAll(/\$(ORIGIN|\{ORIGIN\})/g, origin))),
      // Where ld.so of Debian looks by itself.
      libraryFolder(),
      '/usr/lib',
    ];
    for (const library of needs.libraries) {
      const path = folders.map((folder) => posix.join(folder, library)).find((each) => available.has(each));
      if (path === undefined) throw missing('LIBRARY_MISSING', library, entry.path);
      visit(path, entry.path);
    }
  };
  for (const root of roots) {
    if (typeof root === 'string') visit(root, 'the image');
    else visitNeeds(root);
  }
  return [...selected.values()].sort((left, right) => (left.path < right.path ? -1 : 1));
}

function missing(code: 'PATH_MISSING' | 'LIBRARY_MISSING', name: string, neededBy: string): ImageError {
  const text = `${neededBy} needs ${name}, which is in none of the packages. Name its package in tools/image/contents.ts.`;
  return new ImageError(code, text);
}
