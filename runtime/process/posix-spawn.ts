/**
 * Starting a process through the C library's posix_spawn, which lends this process's memory to the child until that has
 * loaded its program, and copies nothing. Node.js forks: what that copies grows with the driver, and the driver pays once
 * more for each part of its memory that it writes to afterwards (docs/decisions/0019-a-fast-stage.md).
 */
import { accessSync, closeSync, constants } from 'node:fs';
import { Socket } from 'node:net';
import { constants as os } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Exit, Launch } from './launch';
import { bindSpawn, type SpawnCalls } from './libc-spawn';

/** Looked after this often at first, and again when the child has closed its outputs; ever more seldom in between. */
const shortestPauseMs = 1;
const longestPauseMs = 50;

/** Undefined where koffi, or the C library that it calls, cannot be loaded. */
export async function loadPosixSpawn(): Promise<Launch | undefined> {
  const calls = await bindSpawn();
  return calls && ((tool, args, options) => launch(calls, tool, args, options));
}

function launch(
  calls: SpawnCalls,
  tool: string,
  args: readonly string[],
  { environment, stdin }: Parameters<Launch>[2],
): ReturnType<Launch> {
  const file = find(tool, environment.PATH ?? '');
  const ours: number[] = [];
  const theirs: number[] = [];
  try {
    const pipe = (isInput: boolean) => {
      const [readable, writable] = calls.pipe();
      ours.push(isInput ? writable : readable);
      theirs.push(isInput ? readable : writable);
      return isInput ? readable : writable;
    };
    const streams = [stdin === 'pipe' ? pipe(true) : stdin, pipe(false), pipe(false)] as const;
    const pid = calls.spawn(file, [tool, ...args], environment, streams);
    const [stdout, stderr] = [reader(ours.at(-2)), reader(ours.at(-1))];
    const input = stdin === 'pipe' ? new Socket({ fd: ours[0] as number, readable: false, writable: true }) : null;
    const child = new Child(calls, pid);
    return {
      stdin: input,
      stdout,
      stderr,
      exited: child.ended([stdout, stderr]),
      kill: (signal) => child.kill(signal),
    };
  } catch (error) {
    for (const descriptor of ours) closeSync(descriptor);
    throw error;
  } finally {
    for (const descriptor of theirs) closeSync(descriptor);
  }
}

function reader(descriptor: number | undefined): Socket {
  return new Socket({ fd: descriptor as number, readable: true, writable: false });
}

class Child {
  readonly #calls: SpawnCalls;
  readonly #pid: number;
  #hasEnded = false;

  constructor(calls: SpawnCalls, pid: number) {
    this.#calls = calls;
    this.#pid = pid;
  }

  /** Asked for again and again: the kernel's signal is one for all children, and Node.js tells of it only its own. */
  async ended(outputs: readonly Socket[]): Promise<Exit> {
    let pauseMs = shortestPauseMs;
    let hurry: AbortController | undefined = new AbortController();
    void Promise.all(outputs.map((each) => new Promise((resolve) => each.once('close', resolve)))).then(() =>
      hurry?.abort(),
    );
    for (;;) {
      const status = this.#calls.wait(this.#pid);
      if (status !== undefined) {
        this.#hasEnded = true;
        return exitOf(status);
      }
      await sleep(pauseMs, undefined, hurry ? { signal: hurry.signal } : {}).catch(() => undefined);
      pauseMs = Math.min(longestPauseMs, pauseMs * 1.5);
      if (hurry?.signal.aborted) {
        hurry = undefined;
        pauseMs = shortestPauseMs;
      }
    }
  }

  /** The number is the child's until it was waited for. */
  kill(signal: NodeJS.Signals): void {
    if (!this.#hasEnded) process.kill(this.#pid, signal);
  }
}

/** As wait(2) encodes it. */
function exitOf(status: number): Exit {
  const signal = status & 0x7f;
  if (signal === 0) return { code: (status >> 8) & 0xff, signal: null };
  const name = Object.entries(os.signals).find(([, number]) => number === signal)?.[0];
  return { code: null, signal: name ?? `signal ${signal}` };
}

/** @throws Error when no folder of PATH has it. */
function find(tool: string, path: string): string {
  if (tool.includes('/')) return tool;
  for (const folder of path.split(':')) {
    const file = join(folder || '.', tool);
    if (isExecutable(file)) return file;
  }
  throw new Error(`${tool} is in no folder of PATH`);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
