/** A process that writes files whose content is known by its checksum, in the folders of mounted volumes, until it is told to end. */
import { type ChildProcess, spawn } from 'node:child_process';

export interface LoadResult {
  /** Whether each file holds what was last written to it, read from the device. */
  readonly intact: boolean;
  /** Errors of reads and writes. */
  readonly errors: readonly string[];
  /** Files that were written in each folder, in the order of the folders. */
  readonly written: readonly number[];
}

/** Writes and flushes blocks in turn. Both programs are one: a module of its own would have to be compiled for the guest. */
const program = `
const { createHash, randomBytes } = require('node:crypto');
const { closeSync, fsyncSync, openSync, readFileSync, writeFileSync, writeSync } = require('node:fs');
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');
const [, everyMs, ...folders] = process.argv;
const written = folders.map(() => 0);
const wanted = new Map();
const errors = [];
let turn = 0;
function attempt(action) {
  try {
    return action();
  } catch (error) {
    if (errors.length < 10) errors.push(String(error));
  }
}
process.on('SIGTERM', () => {
  writeFileSync('/proc/sys/vm/drop_caches', '3');
  const intact = [...wanted].every(([path, sum]) => attempt(() => hash(readFileSync(path))) === sum);
  process.stdout.write(JSON.stringify({ intact, errors, written }));
  process.exit(0);
});
setInterval(() => {
  const index = turn++ % folders.length;
  const path = folders[index] + '/load-' + (written[index] % 16);
  const block = randomBytes(64 * 1024);
  attempt(() => {
    const file = openSync(path, 'w');
    for (let at = 0; at < block.length; ) at += writeSync(file, block, at);
    fsyncSync(file);
    closeSync(file);
    wanted.set(path, hash(block));
    written[index] += 1;
  });
}, Number(everyMs));
`;

export class FileLoad {
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;

  /**
   * @param folders At least one, each on a volume that is mounted for writing.
   * @param everyMs Between two writes: with a Ceph in the same guest more would leave its one processor nothing else to do.
   */
  constructor(folders: readonly string[], everyMs = 50) {
    const args = ['-e', program, `${everyMs}`, ...folders];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    this.#child.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    this.#ended = new Promise((resolve) => this.#child.once('close', () => resolve(output)));
  }

  async end(): Promise<LoadResult> {
    this.#child.kill('SIGTERM');
    return JSON.parse(await this.#ended);
  }
}
