/** A real server as a child process: its own folder, a health check with a deadline, an orderly end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { findCommand } from '../../tools/find-command';

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to PATH and a HOME inside the server's folder; the caller's environment is not passed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** Asked again and again until it says true; an exception counts as not yet. */
  readonly isHealthy: () => Promise<boolean>;
  /** @default 120,000, and 600,000 in the guest: generous, for loaded machines */
  readonly healthDeadlineMs?: number;
}

const POLL_MS = 100;
const STOP_DEADLINE_MS = 10_000;
const LOG_LINES = 200;

/** True inside the User Mode Linux guest. */
const insideGuest = process.env.KEYWARD_GUEST === '1';
/** In the guest a kube-apiserver alone takes two minutes where others work as well. */
const healthDeadlineMs = insideGuest ? 600_000 : 120_000;

export class ServerProcess {
  readonly name: string;
  /** Folder for the server's files; removed by `stop`. */
  readonly folder: string;
  readonly #log: string[] = [];
  #child: ChildProcess | undefined;

  constructor(name: string) {
    this.name = name;
    this.folder = mkdtempSync(join(tmpdir(), `keyward-${name}-`));
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** The last lines the server wrote. */
  get logTail(): string {
    return this.#log.join('\n');
  }

  /**
   * Starts the server and resolves when it is healthy. May be called again after `halt`.
   * @throws Error with the end of the log when the server exits or misses the deadline; it is then gone
   */
  async start(options: ServerCommand): Promise<void> {
    if (this.#child !== undefined) throw new Error(`${this.name} runs already`);
    const child = this.#spawn(options);
    this.#child = child;
    const deadlineMs = Date.now() + (options.healthDeadlineMs ?? healthDeadlineMs);
    while (!(await isHealthy(options))) {
      const ended = child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
      if (!ended && Date.now() < deadlineMs) {
        await sleep(POLL_MS);
        continue;
      }
      await this.halt();
      throw new Error(`${this.name} ${ended ? 'exited' : 'was not healthy in time'}. Its log ends:\n${this.logTail}`);
    }
  }

  /** Ends the server, politely and after 10 s by force, and keeps its folder. */
  async halt(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.pid === undefined) return;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'close');
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await gone;
    clearTimeout(force);
  }

  /** Ends the server and removes its folder. Harmless when repeated. */
  async stop(): Promise<void> {
    await this.halt();
    rmSync(this.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #spawn({ command, args, env }: ServerCommand): ChildProcess {
    // The kernel kills the server with this process, also when a test run is killed hard.
    const setpriv = findCommand('setpriv');
    const argv = setpriv === undefined ? [command, ...args] : [setpriv, '--pdeathsig', 'KILL', command, ...args];
    const child = spawn(argv[0] ?? command, argv.slice(1), {
      cwd: this.folder,
      // Go's asynchronous preemption signals cost the guest more than the work between them.
      env: {
        PATH: process.env.PATH,
        HOME: this.folder,
        ...(insideGuest ? { GODEBUG: 'asyncpreemptoff=1' } : {}),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.on('error', (error) => this.#keep(error.message));
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => this.#keep(line));
    return child;
  }

  #keep(line: string): void {
    this.#log.push(line);
    if (this.#log.length > LOG_LINES) this.#log.shift();
  }
}

async function isHealthy({ isHealthy }: ServerCommand): Promise<boolean> {
  try {
    return await isHealthy();
  } catch {
    return false;
  }
}
