/** Starting one process: the port below run.ts, and the way of it that works everywhere. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

export interface LaunchOptions {
  /** All that the process gets. `PATH` is also where the tool is looked for. */
  readonly environment: Readonly<Record<string, string>>;
  /** Descriptor of an open file, which stays open here; or a pipe. */
  readonly stdin: number | 'pipe';
}

export interface Exit {
  readonly code: number | null;
  /** Such as `SIGKILL`, when one ended the process. */
  readonly signal: string | null;
}

export interface Launched {
  /** Null when a file takes its place. */
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Rejects when the tool cannot be started. What the process wrote may come after its end. */
  readonly exited: Promise<Exit>;
  /** Nothing when the process has ended. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

/** Starts `tool`, looked up in PATH. The child has all signals as a new process has them, and no descriptor but the three. */
export type Launch = (tool: string, args: readonly string[], options: LaunchOptions) => Launched;

/** By Node.js itself, which copies the tables of this process's memory for it: the larger the process, the longer it takes. */
export const launchByFork: Launch = (tool, args, { environment, stdin }) => {
  const child = spawn(tool, args, { env: environment, stdio: [stdin, 'pipe', 'pipe'] });
  const exited = new Promise<Exit>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  // The two outputs are pipes, and the input is one unless a file takes its place.
  const { stdin: input, stdout, stderr } = child as ChildProcessByStdio<Writable | null, Readable, Readable>;
  return { stdin: input, stdout, stderr, exited, kill: (signal) => void child.kill(signal) };
};
