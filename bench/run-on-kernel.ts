/**
 * Where the part of a benchmark that needs dm-crypt runs: natively where this is root and the kernel has it, else in the
 * guest. It is a command that prints its result as one document of JSON and tells on standard error how far it is.
 */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { prepareGuest } from '../tools/guest/host-support';
import { runInGuest } from '../tools/guest/run-in-guest';

const root = join(__dirname, '..');
const timeoutMs = 60 * 60_000;

export interface Kernel {
  readonly mode: 'native' | 'guest';
  /** For people. */
  readonly name: string;
}

type Progress = (line: string) => void;

/** Path of a bundled program of this folder. */
export function benchProgram(name: string): string {
  return join(root, 'dist/bench', `${name}.cjs`);
}

/** Installs what is missing, where that is allowed. @throws Error when there is no kernel with dm-crypt. */
export async function findKernel(progress: Progress): Promise<Kernel> {
  const support = await prepareGuest({
    onProgress: ({ subject, phase, detail }) => progress(`${phase} ${subject}: ${detail}`),
  });
  if (support.mode === 'none') throw new Error(`Missing: ${support.missing.join(', ')}. ${support.remedy}`);
  return { mode: support.mode, name: support.mode === 'native' ? 'this kernel' : 'a User Mode Linux guest' };
}

/** What the command printed. @throws Error when it fails. */
export async function runOnKernel<Result>(
  { mode }: Kernel,
  command: readonly string[],
  progress: Progress,
): Promise<Result> {
  const stdout: Buffer[] = [];
  const onStdout = (chunk: Buffer) => stdout.push(chunk);
  const onStderr = (chunk: Buffer) => progress(chunk.toString().trimEnd());
  await (mode === 'native' ? runHere : runThere)(command, onStdout, onStderr);
  return JSON.parse(Buffer.concat(stdout).toString()) as Result;
}

type OnOutput = (chunk: Buffer) => void;

async function runThere(command: readonly string[], onStdout: OnOutput, onStderr: OnOutput): Promise<void> {
  const result = await runInGuest({
    command,
    cwd: root,
    env: environment(),
    expose: [dirname(process.execPath)],
    timeoutMs,
    onStdout,
    onStderr,
  });
  if (result.timedOut) throw new Error(`The guest was killed after ${timeoutMs / 60_000} min.`);
  if (result.exitCode !== 0)
    throw new Error(`The measurement failed in the guest. Its console ends:\n${result.console}`);
}

async function runHere([file = '', ...args]: readonly string[], onStdout: OnOutput, onStderr: OnOutput) {
  const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
  child.stdout.on('data', onStdout);
  child.stderr.on('data', onStderr);
  const exitCode = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  if (exitCode !== 0) throw new Error(`The measurement failed with exit code ${exitCode}.`);
}

/** What finds programs and the prepared components. */
function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME, XDG_CACHE_HOME } = process.env;
  return { PATH, HOME, ...(XDG_CACHE_HOME !== undefined && { XDG_CACHE_HOME }) };
}
