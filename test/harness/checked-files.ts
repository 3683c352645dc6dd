/** Files whose content is known by its checksum: what a pod wrote and was told is on the disk. */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** So many files, each replaced in its turn: the volumes of tests are small. */
const places = 12;
const largestBytes = 1024 * 1024;

export class CheckedFiles {
  readonly #folder: string;
  readonly #checksums = new Map<string, string>();
  #written = 0;

  /** @param folder Where the filesystem is mounted. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  get count(): number {
    return this.#checksums.size;
  }

  /** Returns when the content, and the name, are on the disk. */
  write(): void {
    const name = `file-${this.#written % places}`;
    // From a few bytes to many blocks, with a part of one at the end.
    const content = randomBytes(1 + Math.floor((largestBytes - 1) * ((this.#written % 5) / 4)) + 17);
    const unfinished = join(this.#folder, `${name}.unfinished`);
    withFile(unfinished, 'w', (file) => {
      for (let at = 0; at < content.length; ) at += writeSync(file, content, at);
    });
    renameSync(unfinished, join(this.#folder, name));
    withFile(this.#folder, 'r', () => undefined);
    this.#checksums.set(name, checksum(content));
    this.#written += 1;
  }

  /** Names of the files that are not as they were written, as the device has them: nothing comes from the cache. */
  lost(): readonly string[] {
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    return [...this.#checksums].flatMap(([name, expected]) => (this.#read(name) === expected ? [] : [name]));
  }

  #read(name: string): string | undefined {
    try {
      return checksum(readFileSync(join(this.#folder, name)));
    } catch (error) {
      // Missing and unreadable are both lost.
      return String(error);
    }
  }
}

function withFile(path: string, flags: string, action: (file: number) => void): void {
  const file = openSync(path, flags);
  try {
    action(file);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function checksum(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
