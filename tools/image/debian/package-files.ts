/** The files of a package, straight from its archive: owners and modes stay, and nothing is written to disk. */
import { spawn } from 'node:child_process';
import { Parser, type ReadEntry } from 'tar';
import type { Entry } from '../entry';
import { ImageError } from '../image-error';
import { mergedPath } from './merged-path';

/**
 * Entries of the package in `file` whose path `wanted` takes; hard links come as symbolic ones.
 * @throws ImageError PACKAGE_UNREADABLE
 */
export async function packageFiles(file: string, wanted: (path: string) => boolean): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  const parser = new Parser({
    strict: true,
    onReadEntry: (entry) => {
      const path = mergedPath(entry.path);
      if (path === '/' || !wanted(path)) entry.resume();
      else collect(entry, path, (made) => entries.push(made));
    },
  });
  const child = spawn('dpkg-deb', ['--fsys-tarfile', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: Error) => reject(unreadable(file, cause.message, cause));
    let isParsed = false;
    let hasEnded = false;
    const settle = () => isParsed && hasEnded && resolve();
    parser.on('error', fail);
    parser.on('end', () => {
      isParsed = true;
      settle();
    });
    child.on('error', fail);
    child.on('close', (code) => {
      hasEnded = true;
      if (code === 0) settle();
      else reject(unreadable(file, Buffer.concat(said).toString().trim()));
    });
    child.stdout.pipe(parser);
  });
  return entries;
}

function collect(entry: ReadEntry, path: string, add: (made: Entry) => void): void {
  const { mode = 0, uid = 0, gid = 0, linkpath = '' } = entry;
  // Without set-user-id: no program of an image gives rights to who starts it.
  const owned = { path, uid, gid, mode: mode & 0o1777 };
  const chunks: Buffer[] = [];
  entry.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
  entry.on('end', () => {
    if (entry.type === 'Directory') add({ type: 'folder', ...owned });
    else if (entry.type === 'SymbolicLink') add({ type: 'link', path, uid, gid, target: linkpath });
    else if (entry.type === 'Link') add({ type: 'link', path, uid, gid, target: mergedPath(linkpath) });
    else add({ type: 'file', ...owned, content: Buffer.concat(chunks) });
  });
}

function unreadable(file: string, reason: string, cause?: Error): ImageError {
  const text = `${file} cannot be unpacked: ${reason}. Remove it, so that it is downloaded again; dpkg-deb must be installed.`;
  return new ImageError('PACKAGE_UNREADABLE', text, cause && { cause });
}
