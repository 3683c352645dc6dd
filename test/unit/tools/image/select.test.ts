import { readFileSync } from 'node:fs';
import { libraryFolder } from '../../../../tools/image/architecture';
import { elfNeeds } from '../../../../tools/image/elf';
import type { Entry, FileEntry } from '../../../../tools/image/entry';
import { selectNeeded } from '../../../../tools/image/select';

const node: FileEntry = { type: 'file', path: '/usr/bin/node', content: { file: process.execPath } };
const file = (path: string): Entry => ({ type: 'file', path, content: Buffer.from(path) });
const index = (...entries: Entry[]) => new Map(entries.map((entry) => [entry.path, entry]));
const paths = (entries: readonly Entry[]) => entries.map(({ path }) => path);

test('reads what a program is linked to', () => {
  const needs = elfNeeds(readFileSync(process.execPath));
  expect(needs?.interpreter).toMatch(/^\/lib(64)?\/ld-linux/);
  expect(needs?.libraries).toContain('libc.so.6');
});

test.each([
  ['a script', Buffer.from('#!/usr/bin/env node\n')],
  ['an empty file', Buffer.alloc(0)],
  ['an ELF file of 32 bits', Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, 1, 1]), Buffer.alloc(100)])],
])('finds no needs in %s', (_, content) => {
  expect(elfNeeds(content)).toBeUndefined();
});

test('takes the target of a link with it, through the folders that are links into /usr', () => {
  const available = index(
    { type: 'link', path: '/usr/sbin/mkfs.ext4', target: 'mke2fs' },
    { type: 'link', path: '/usr/sbin/mke2fs', target: '/sbin/real' },
    file('/usr/sbin/real'),
    file('/usr/sbin/other'),
  );
  expect(paths(selectNeeded(available, ['/sbin/mkfs.ext4']))).toEqual([
    '/usr/sbin/mke2fs',
    '/usr/sbin/mkfs.ext4',
    '/usr/sbin/real',
  ]);
});

test('takes dynamic linker and libraries, each with its links, and no other', () => {
  const needs = elfNeeds(readFileSync(process.execPath));
  const libraries = (needs?.libraries ?? []).map((name) => file(`${libraryFolder()}/${name}`));
  const loader = `/usr${needs?.interpreter}`;
  const available = index(...libraries, file(loader), file(`${libraryFolder()}/libunused.so.1`));
  const selected = paths(selectNeeded(available, [node]));
  expect(selected).toEqual([...new Set([...libraries.map(({ path }) => path), loader])].sort());
});

test('refuses a program whose library is in no package', () => {
  const loader = `/usr${elfNeeds(readFileSync(process.execPath))?.interpreter}`;
  expect(() => selectNeeded(index(file(loader)), [node])).toThrow(expect.objectContaining({ code: 'LIBRARY_MISSING' }));
});

test('refuses a path that no package has', () => {
  expect(() => selectNeeded(index(), ['/usr/bin/absent'])).toThrow(expect.objectContaining({ code: 'PATH_MISSING' }));
});
