/** Tar archives with the same bytes each time: owners by number only, and one time for all. */
import { createReadStream } from 'node:fs';
import { Header, type HeaderData, Pax } from 'tar';
import { type Entry, sizeOf } from './entry';

const blockSize = 512;
/** What every file in an image was last changed at: a file that did not change leaves its layer as it is. */
const mtime = new Date(0);

/** The archive of `entries`, in their order. A file that changes while it is read makes it throw. */
export async function* tarArchive(entries: Iterable<Entry>): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    yield tarHeader(entry);
    if (entry.type !== 'file') continue;
    const size = sizeOf(entry);
    let read = 0;
    for await (const chunk of contentOf(entry.content)) {
      read += chunk.length;
      yield chunk;
    }
    if (read !== size) throw new Error(`${entry.path}: ${read} bytes read where ${size} were announced`);
    yield Buffer.alloc(padding(size));
  }
  yield Buffer.alloc(2 * blockSize);
}

function tarHeader(entry: Entry): Buffer {
  const {
    path,
    uid = 0,
    gid = 0,
    mode = entry.type === 'file' ? 0o644 : entry.type === 'folder' ? 0o755 : 0o777,
  } = entry;
  const data: HeaderData = {
    path: path.slice(1) + (entry.type === 'folder' ? '/' : ''),
    mode,
    uid,
    gid,
    mtime,
    size: entry.type === 'file' ? sizeOf(entry) : 0,
    type: entry.type === 'file' ? 'File' : entry.type === 'folder' ? 'Directory' : 'SymbolicLink',
    ...(entry.type === 'link' && { linkpath: entry.target }),
  };
  const block = Buffer.alloc(blockSize);
  const header = new Header(data);
  if (!header.encode(block)) return block;
  // What does not fit goes into a record of its own before it.
  const { path: longPath = '', linkpath } = data;
  return Buffer.concat([new Pax({ path: longPath, ...(linkpath !== undefined && { linkpath }) }).encode(), block]);
}

async function* contentOf(content: Buffer | { readonly file: string }): AsyncGenerator<Buffer> {
  if (Buffer.isBuffer(content)) yield content;
  else yield* createReadStream(content.file, { highWaterMark: 1 << 20 });
}

function padding(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}
