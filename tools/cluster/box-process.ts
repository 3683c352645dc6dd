/** One program on the host side of the box, with its log in a file. It can be ended and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to PATH and HOME; nothing else is passed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** Asked again and again until it says true; an exception counts as not yet. @default it is healthy when it runs */
  readonly isHealthy?: () => Promise<boolean>;
}

const pollMs = 100;
const healthDeadlineMs = 180_000;
const stopDeadlineMs = 10_000;
const tailLines = 15;

export class BoxProcess {
  #child: ChildProcess | undefined;
  #command: ProcessCommand | undefined;

  /** @param folder Home and working directory of the program. */
  constructor(
    readonly name: string,
    readonly folder: string,
    readonly logFile: string,
  ) {}

  /** undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child !== undefined && isRunning(this.#child) ? this.#child.pid : undefined;
  }

  /**
   * Starts it and resolves when it is healthy.
   * @throws Error with the end of its log when it exits or misses the deadline; it is then gone
   */
  async start(command: ProcessCommand): Promise<void> {
    if (this.pid !== undefined) throw new Error(`${this.name} runs already`);
    this.#command = command;
    const child = this.#spawn(command);
    this.#child = child;
    const deadlineMs = Date.now() + healthDeadlineMs;
    while (!(await isHealthy(command))) {
      if (isRunning(child) && Date.now() < deadlineMs) {
        await sleep(pollMs);
        continue;
      }
      const why = isRunning(child) ? 'was not healthy in time' : 'exited';
      await this.stop();
      throw new Error(`${this.name} ${why}. Its log, ${this.logFile}, ends:\n${this.logTail()}`);
    }
  }

  /** Starts it as it was started last. @throws Error as start, or when it never was */
  async startAgain(): Promise<void> {
    if (this.#command === undefined) throw new Error(`${this.name} was not started before`);
    await this.start(this.#command);
  }

  /** Ends it: SIGTERM, and SIGKILL after 10 s. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** SIGKILL. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  logTail(): string {
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-tailLines).join('\n');
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || !isRunning(child)) return;
    const gone = once(child, 'close');
    child.kill(signal);
    const force = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs);
    await gone;
    clearTimeout(force);
  }

  #spawn({ command, args, env }: ProcessCommand): ChildProcess {
    const log = openSync(this.logFile, 'a', 0o600);
    try {
      const child = spawn(command, args, {
        cwd: this.folder,
        env: { PATH: process.env.PATH, HOME: this.folder, ...env },
        stdio: ['ignore', log, log],
      });
      // Without a pid it is not running, which whoever waits for its health sees.
      child.on('error', () => undefined);
      return child;
    } finally {
      closeSync(log);
    }
  }
}

function isRunning({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}

async function isHealthy({ isHealthy: check }: ProcessCommand): Promise<boolean> {
  try {
    return check === undefined ? true : await check();
  } catch {
    return false;
  }
}
