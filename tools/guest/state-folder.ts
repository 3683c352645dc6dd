/** The folder through which caller and guest talk: what to run goes in as files, output and exit code come out as files. */
import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface GuestInput {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly modules: readonly string[];
  /** Host folders the guest must see although it mounts its own /tmp, /run and /dev over them. */
  readonly exposed: readonly string[];
  readonly stdin: Buffer;
}

/** Makes the folder, readable by this user only, with the input of one guest; returns its absolute path. */
export function makeStateFolder(input: GuestInput, parent = memoryFolder()): string {
  const folder = mkdtempSync(join(parent, 'keyward-guest-'));
  mkdirSync(join(folder, 'uml'));
  const put = (name: string, content: string | Buffer) => writeFileSync(join(folder, name), content, { mode: 0o600 });
  put('argv', nulTerminated(input.command));
  put('environ', nulTerminated(environment(input.env)));
  put('exposed', nulTerminated(input.exposed));
  put('modules', `${input.modules.join(' ')}\n`);
  put('cwd', input.cwd);
  put('stdin', input.stdin);
  for (const name of ['stdout', 'stderr', 'console']) put(name, '');
  return folder;
}

/** Exit code that the guest wrote, or undefined while, or because, it did not. */
export function readExitCode(folder: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(join(folder, 'exit-code'), 'utf8'), 10);
  } catch {
    return undefined;
  }
}

/** The last `maxBytes` of the guest's console, for messages. */
export function readConsoleTail(folder: string, maxBytes = 4000): string {
  return readFileSync(join(folder, 'console'), 'utf8').slice(-maxBytes).trim();
}

/** Reads a file that another process appends to. */
export class FileFollower {
  readonly #descriptor: number;
  readonly #buffer = Buffer.alloc(65536);

  constructor(path: string) {
    this.#descriptor = openSync(path, 'r');
  }

  /** Hands everything that was appended since the last call to `onData`. */
  poll(onData: (chunk: Buffer) => void): void {
    for (;;) {
      const length = readSync(this.#descriptor, this.#buffer);
      if (length === 0) return;
      onData(Buffer.from(this.#buffer.subarray(0, length)));
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Memory rather than disk, where there is some: the guest's synchronous writes then cost nothing. */
function memoryFolder(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}

function environment(env: NodeJS.ProcessEnv): string[] {
  return Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
}

function nulTerminated(values: readonly string[]): string {
  return values.map((value) => `${value}\0`).join('');
}
