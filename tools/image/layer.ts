/** One layer as a blob in a file. */
import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { PassThrough, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Blob } from './blob';
import { type Entry, settleEntries } from './entry';
import { tarArchive } from './tar';

/** A layer that was written. */
export interface LayerBlob extends Blob {
  /** Digest of the archive before compression: depends on the entries alone. */
  readonly diffId: string;
}

/**
 * Writes `entries` to `file`.
 * @throws ImageError IMAGE_ENTRY_INVALID; system errors of reading and writing
 */
export async function writeLayer(
  entries: readonly Entry[],
  file: string,
  compression: 'gzip' | 'none',
): Promise<LayerBlob> {
  const plain = hashing();
  const packed = hashing();
  await pipeline(
    Readable.from(tarArchive(settleEntries(entries))),
    plain.stream,
    compression === 'gzip' ? createGzip() : new PassThrough(),
    packed.stream,
    createWriteStream(file),
  );
  const mediaType = `application/vnd.oci.image.layer.v1.tar${compression === 'gzip' ? '+gzip' : ''}`;
  return {
    descriptor: { mediaType, digest: digestOf(packed.hash), size: packed.bytes() },
    diffId: digestOf(plain.hash),
    content: { file },
  };
}

function hashing(): { readonly stream: Transform; readonly hash: Hash; readonly bytes: () => number } {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, hash, bytes: () => bytes };
}

function digestOf(hash: Hash): string {
  return `sha256:${hash.digest('hex')}`;
}
