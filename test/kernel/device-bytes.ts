/** What happens to the bytes of a device behind the driver's back. */
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';

export function overwrite(path: string, offset: number, bytes: Buffer): void {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, offset);
  fsyncSync(file);
  closeSync(file);
}

/** As a disk that fails in the middle of a write. */
export function spoil(path: string, offset: number): void {
  overwrite(path, offset, Buffer.alloc(64, 0xa5));
}

/** The first `length` bytes. */
export function readStart(path: string, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const file = openSync(path, 'r');
  readSync(file, bytes);
  closeSync(file);
  return bytes;
}
