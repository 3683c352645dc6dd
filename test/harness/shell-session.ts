/** One shell of a reader who types block after block: what one sets, the next has. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { isErrno } from '../../runtime/errors';

/** A failing command ends the shell, also one before the last of a block. */
const loop = `set -eo pipefail
while IFS= read -r -d '' -u 3 block; do
  eval "$block" 3<&-
  printf '\\0'
done 2>&1`;

export class ShellSession {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #output = '';
  #hasEnded = false;

  /** @param env all that its commands have, PATH among it */
  constructor(cwd: string, env: NodeJS.ProcessEnv) {
    // A process group of its own, which ends with it. Commands find nothing on standard input.
    const stdio = ['ignore', 'pipe', 'inherit', 'pipe'] as const;
    this.#child = spawn('bash', ['-c', loop], { cwd, env, detached: true, stdio: [...stdio] });
    const stdout = this.#child.stdout as Readable;
    stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
    this.#closed = once(this.#child, 'close').then(() => {
      this.#hasEnded = true;
    });
    // Its end is told by `run`.
    this.#blocks.on('error', () => undefined);
  }

  /**
   * Runs a block, and ends the shell when that takes too long.
   * @returns what it prints, on both streams
   * @throws Error with that when a command fails or the time is up, and ever after
   */
  async run(block: string, limitMs: number): Promise<string> {
    if (this.#hasEnded) throw new Error('the shell has ended');
    this.#output = '';
    this.#blocks.write(`${block}\0`);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      void this.end();
    }, limitMs);
    try {
      while (!this.#output.includes('\0') && !this.#hasEnded)
        await Promise.race([once(this.#child.stdout as Readable, 'data'), this.#closed]);
    } finally {
      clearTimeout(timer);
    }
    if (this.#output.includes('\0')) return this.#output.replace('\0', '');
    const how = isLate
      ? `the commands had not ended after ${limitMs / 1000} s`
      : `a command has failed with exit code ${this.#child.exitCode}`;
    throw new Error(`${how}:\n${this.#output}`);
  }

  /** Ends the shell and what it runs. Harmless when repeated. */
  async end(): Promise<void> {
    if (this.#hasEnded) return;
    try {
      process.kill(-(this.#child.pid ?? 0), 'SIGKILL');
    } catch (error) {
      // It has just ended.
      if (!isErrno(error, 'ESRCH')) throw error;
    }
    await this.#closed;
  }

  get #blocks(): Writable {
    return this.#child.stdio[3] as Writable;
  }
}
