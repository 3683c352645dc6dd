/** Runs the inner program, natively or in one guest, and hands on its events as they come. */
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { runInGuest } from '../tools/guest/run-in-guest';
import { outputs } from './outputs';
import type { DemoEvent } from './protocol';

export interface InnerOptions {
  readonly mode: 'native' | 'guest';
  readonly keep: boolean;
  readonly onEvent: (event: DemoEvent) => void;
  /** What the inner program says besides: warnings of Node.js, for example. */
  readonly onText: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Minutes on a machine that is very busy; seconds on an idle one. */
const timeoutMs = 15 * 60_000;

/** @returns why it ended badly, when it could not say so itself. */
export async function runInner({ mode, ...options }: InnerOptions): Promise<string | undefined> {
  const command = [
    process.execPath,
    outputs.inner,
    ...['--manifests', outputs.manifests, '--runtime', outputs.runtime, '--log', outputs.driverLog],
    ...(options.keep ? ['--keep', outputs.kept] : []),
  ];
  return mode === 'native' ? runNatively(command, options) : runInOneGuest(command, options);
}

async function runInOneGuest(command: readonly string[], options: Omit<InnerOptions, 'mode'>) {
  const stdout = new Readable({ read() {} });
  const told = readEvents(stdout, options);
  const {
    exitCode,
    timedOut,
    panicked,
    console: lastWords,
  } = await runInGuest({
    command,
    cwd: outputs.repository,
    env: { PATH: process.env.PATH },
    expose: [dirname(process.execPath)],
    timeoutMs,
    onStdout: (chunk) => stdout.push(chunk),
    onStderr: (chunk) => options.onText(chunk.toString()),
    signal: options.signal,
  });
  stdout.push(null);
  await told;
  if (options.signal.aborted) return 'interrupted';
  if (timedOut) return `the guest was killed after ${timeoutMs / 60_000} min`;
  if (panicked) return `the guest died. Its console ends:\n${lastWords}`;
  return ending(exitCode);
}

async function runNatively(command: readonly string[], options: Omit<InnerOptions, 'mode'>) {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { cwd: outputs.repository, stdio: ['ignore', 'pipe', 'pipe'] });
  // It takes its volumes away before it ends, so it is asked and not killed.
  options.signal.addEventListener('abort', () => child.kill('SIGTERM'));
  child.stderr.on('data', (chunk: Buffer) => options.onText(chunk.toString()));
  const told = readEvents(child.stdout, options);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  await told;
  return options.signal.aborted ? 'interrupted' : ending(exitCode);
}

async function readEvents(stdout: Readable, { onEvent, onText }: Omit<InnerOptions, 'mode'>): Promise<void> {
  for await (const line of createInterface({ input: stdout })) {
    if (line.startsWith('{')) onEvent(JSON.parse(line) as DemoEvent);
    else onText(`${line}\n`);
  }
}

/** Exit code 1 comes with an event that says why. */
function ending(exitCode: number | null): string | undefined {
  return exitCode === 0 || exitCode === 1 ? undefined : `the inner program ended with exit code ${exitCode}`;
}
