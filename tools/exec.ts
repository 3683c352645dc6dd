/** Runs one command to its end: argv array, no shell, bounded output. For tools that take seconds or minutes. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ExecOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Called for each line of stdout and stderr as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface ExecResult {
  /** null when a signal ended the command or it could not be started. */
  readonly exitCode: number | null;
  /** The last lines of stdout, joined. */
  readonly stdout: string;
  /** The last lines of stdout and stderr as they came, joined. */
  readonly output: string;
}

const KEPT_LINES = 400;

/** Never rejects: a command that cannot be started has exit code null and the reason as output. */
export function exec(command: string, args: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const { cwd, env = process.env, onLine = () => undefined } = options;
  const child = spawn(command, args, { ...(cwd === undefined ? {} : { cwd }), env, stdio: ['ignore', 'pipe', 'pipe'] });
  const stdout = new LineTail();
  const output = new LineTail();
  createInterface({ input: child.stdout }).on('line', (line) => {
    stdout.push(line);
    output.push(line);
    onLine(line);
  });
  createInterface({ input: child.stderr }).on('line', (line) => {
    output.push(line);
    onLine(line);
  });
  return new Promise((resolve) => {
    child.on('error', (error) => output.push(error.message));
    child.on('close', (exitCode) => {
      // Let the line readers hand over what the closed pipes still held.
      setImmediate(() =>
        resolve({ exitCode: child.pid === undefined ? null : exitCode, stdout: stdout.text(), output: output.text() }),
      );
    });
  });
}

class LineTail {
  readonly #lines: string[] = [];

  push(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  }

  text(): string {
    return this.#lines.join('\n');
  }
}
