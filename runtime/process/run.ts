/**
 * The only place that starts a process. Keys travel on standard input and nowhere else: arguments and environment are
 * readable by every process of the machine. The child gets a small fixed environment in the C locale.
 */
import { CodedError } from '../errors';
import { Secret } from '../secret';
import { type Launch, launchByFork } from './launch';

export interface RunOptions {
  /** Written one after the other to standard input, which is then closed. cryptsetup tells two keys apart by their sizes. */
  readonly stdin?: readonly (Secret | Uint8Array)[];
  /** Descriptor of an open file instead, for a tool that opens its input more than once. Stays open here. */
  readonly stdinFile?: number;
  /** After this the child gets SIGTERM and, two seconds later, SIGKILL. Default 60,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Exit codes that are an answer, not a failure. Default only 0. */
  readonly okExitCodes?: readonly number[];
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

/** A process that ended with an exit code outside `okExitCodes`; has the same fields as a result. Wrappers refine its code. */
export class ToolError extends CodedError implements RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;

  constructor(tool: string, result: RunResult) {
    const text = result.stderr.trim().split('\n').slice(0, 3).join('; ').slice(0, 300);
    super('TOOL_FAILED', `${tool} ended with exit code ${result.exitCode}${text === '' ? '' : `: ${text}`}`, {
      remedy: 'See the text of the tool; the call can be repeated.',
    });
    ({ exitCode: this.exitCode, stdout: this.stdout, stderr: this.stderr, durationMs: this.durationMs } = result);
  }
}

/** What wrappers depend on, so that tests can stand in at this leaf. */
export type Run = (tool: string, args: readonly string[], options?: RunOptions) => Promise<RunResult>;

const maxOutputBytes = 4 * 1024 * 1024;
const killDelayMs = 2_000;

/**
 * Runs `tool` (looked up in PATH) to its end.
 * @throws ToolError exit code not in `okExitCodes`; CodedError TOOL_MISSING, TOOL_TIMEOUT, ABORTED.
 */
export const run: Run = runBy(launchByFork);

/** {@link run} by another way of starting processes. */
export function runBy(launch: Launch): Run {
  return (tool, args, options = {}) =>
    new Promise((resolve, reject) => {
      const { timeoutMs = 60_000, signal, okExitCodes = [0], stdinFile = 'pipe' } = options;
      if (signal?.aborted) return reject(aborted(tool));
      const startedAt = performance.now();
      const child = started(launch, tool, args, stdinFile);
      const stdout = collect(child.stdout);
      const stderr = collect(child.stderr);
      let failure: CodedError | undefined;

      // A process that the child left behind may hold the pipes open for ever: nobody waits for that one.
      const release = () => {
        child.stdout.destroy();
        child.stderr.destroy();
      };
      const stop = (error: CodedError) => {
        failure ??= error;
        child.exited.then(release, release);
        child.kill('SIGTERM');
        setTimeout(() => child.kill('SIGKILL'), killDelayMs).unref();
      };
      const timer = setTimeout(() => stop(timedOut(tool, timeoutMs)), timeoutMs);
      const onAbort = () => stop(aborted(tool));
      signal?.addEventListener('abort', onAbort, { once: true });
      const settle = (act: () => void) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        act();
      };

      Promise.all([child.exited, closed(child.stdout), closed(child.stderr)]).then(
        ([{ code, signal: signalName }]) =>
          settle(() => {
            if (failure) return reject(failure);
            const result: RunResult = {
              exitCode: code ?? 128,
              stdout: stdout(),
              stderr: signalName ? `killed by ${signalName}` : stderr(),
              durationMs: performance.now() - startedAt,
            };
            if (code !== null && okExitCodes.includes(code)) resolve(result);
            else reject(new ToolError(tool, result));
          }),
        (error: unknown) => settle(() => reject(cannotStart(tool, error))),
      );
      // A child that ends before it has read its input closes the pipe; its exit code tells the story, so EPIPE is no news.
      child.stdin?.on('error', () => undefined);
      for (const part of options.stdin ?? []) if (child.stdin) feed(child.stdin, part);
      child.stdin?.end();
    });
}

/** @throws CodedError TOOL_MISSING. */
function started(launch: Launch, tool: string, args: readonly string[], stdin: number | 'pipe') {
  try {
    return launch(tool, args, { environment: environment(), stdin });
  } catch (error) {
    throw cannotStart(tool, error);
  }
}

function closed(stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}

function feed(stdin: NodeJS.WritableStream, part: Secret | Uint8Array): void {
  if (part instanceof Secret) part.use((bytes) => stdin.write(bytes));
  else stdin.write(part);
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxOutputBytes) chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

/** cryptsetup and dmsetup wait for udev to make device nodes unless told that there is none (a container, a guest). */
function environment(): Record<string, string> {
  const { PATH = '/usr/sbin:/usr/bin:/sbin:/bin', DM_DISABLE_UDEV } = process.env;
  return { PATH, LC_ALL: 'C', ...(DM_DISABLE_UDEV !== undefined && { DM_DISABLE_UDEV }) };
}

function cannotStart(tool: string, cause: unknown): CodedError {
  return new CodedError('TOOL_MISSING', `${tool} cannot be started`, {
    remedy: `Install the package that has ${tool} in the image of the driver, in a folder of PATH.`,
    cause,
  });
}

function timedOut(tool: string, timeoutMs: number): CodedError {
  return new CodedError('TOOL_TIMEOUT', `${tool} did not end within ${timeoutMs} ms`, {
    remedy: 'Repeat the call; if it happens again look at the load of the node and at the health of the device.',
  });
}

function aborted(tool: string): CodedError {
  return new CodedError('ABORTED', `${tool} was stopped because the call was cancelled`, {
    remedy: 'Repeat the call.',
  });
}
