/** What a layer holds: files, folders and symbolic links, by absolute path. Owner is root unless an entry says otherwise. */
import { statSync } from 'node:fs';
import { posix } from 'node:path';
import { ImageError } from './image-error';

interface Owned {
  /** Absolute, without `.` and `..`. */
  readonly path: string;
  /** Permission bits. Default 0755 for folders and 0644 for files. */
  readonly mode?: number;
  /** Default 0. */
  readonly uid?: number;
  /** Default 0. */
  readonly gid?: number;
}

/** A regular file, from memory or from a file of this machine. */
export interface FileEntry extends Owned {
  readonly type: 'file';
  readonly content: Buffer | { readonly file: string };
}

/** A folder; those above an entry need not be listed. */
export interface FolderEntry extends Owned {
  readonly type: 'folder';
}

/** A symbolic link. */
export interface LinkEntry extends Owned {
  readonly type: 'link';
  readonly target: string;
}

export type Entry = FileEntry | FolderEntry | LinkEntry;

/**
 * The entries sorted by path, each once (the last one given counts), with the folders above them.
 * @throws ImageError IMAGE_ENTRY_INVALID
 */
export function settleEntries(entries: readonly Entry[]): readonly Entry[] {
  const settled = new Map<string, Entry>();
  for (const entry of entries) {
    requirePlainPath(entry.path);
    for (let above = posix.dirname(entry.path); above !== '/'; above = posix.dirname(above)) {
      if (!settled.has(above)) settled.set(above, { type: 'folder', path: above });
    }
    settled.set(entry.path, entry);
  }
  for (const { path } of settled.values()) {
    const above = settled.get(posix.dirname(path));
    if (above !== undefined && above.type !== 'folder') throw invalid(path, `${above.path} is no folder`);
  }
  return [...settled.values()].sort(byPath);
}

/** Size of a file's content in bytes. */
export function sizeOf({ content }: FileEntry): number {
  return Buffer.isBuffer(content) ? content.length : statSync(content.file).size;
}

/** A folder comes before what is in it, whatever the locale. */
export function byPath(left: { readonly path: string }, right: { readonly path: string }): number {
  return left.path < right.path ? -1 : left.path > right.path ? 1 : 0;
}

function requirePlainPath(path: string): void {
  const isPlain = posix.isAbsolute(path) && posix.normalize(path) === path && path !== '/' && !path.endsWith('/');
  if (!isPlain) throw invalid(path, 'it must be absolute and plain');
}

function invalid(path: string, reason: string): ImageError {
  return new ImageError(
    'IMAGE_ENTRY_INVALID',
    `${path} cannot be in a layer: ${reason}. Name it by its absolute path.`,
  );
}
