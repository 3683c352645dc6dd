/**
 * Runs one command in a User Mode Linux guest whose root is this machine's root (hostfs): same files, same user names,
 * another kernel, where the command is root. /tmp, /run and /dev are the guest's own. Unix sockets do not cross.
 * Guest start costs 4–9 s and processes start about 20 times slower than outside: few long runs beat many short ones.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { requireTool } from '../ensure';
import { initScript, ptraceShim } from './boot-files';
import { isolationPrefix } from './isolation';
import { oneProcessorPrefix } from './one-processor';
import { FileFollower, makeStateFolder, readConsoleTail, readExitCode } from './state-folder';

export interface GuestOptions {
  readonly command: readonly string[];
  /** @default the caller's */
  readonly cwd?: string;
  /** Whole environment of the command. @default the caller's */
  readonly env?: NodeJS.ProcessEnv;
  /** @default 1536 */
  readonly memoryMiB?: number;
  /** After this the guest is killed. */
  readonly timeoutMs: number;
  /** @default dm-crypt, loop */
  readonly modules?: readonly string[];
  /** Host files that become /dev/ubda, /dev/ubdb, … Paths without spaces and commas. */
  readonly disks?: readonly string[];
  /** Tap device of the caller's network that becomes vec0 in the guest, where nobody has configured it. */
  readonly tap?: string;
  /** Where the folder is made through which caller and guest talk. A path without spaces. @default in memory, for all users of this machine */
  readonly stateParent?: string;
  /** Host folders below /tmp, /run or /dev/shm that the command needs; `cwd` is always seen. */
  readonly expose?: readonly string[];
  readonly stdin?: Buffer;
  readonly onStdout?: (chunk: Buffer) => void;
  readonly onStderr?: (chunk: Buffer) => void;
  /** Kills the guest when aborted. */
  readonly signal?: AbortSignal;
}

export interface GuestResult {
  /** null when the guest ended without telling one: killed, or died. */
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  /** The guest's kernel died by itself: `console` says why. */
  readonly panicked: boolean;
  /** Last lines of the guest's console. */
  readonly console: string;
}

const POLL_MS = 50;
const DISK_LETTERS = 'abcdefgh';
/** Folders that the guest covers with file systems of its own. */
const COVERED = ['/tmp', '/run', '/dev'];

/**
 * Resolves when the guest is gone and nothing of it is left. A command that fails is a result, not an exception.
 * @throws ToolError TOOL_NOT_PREPARED when user-mode-linux is missing
 */
export async function runInGuest(options: GuestOptions): Promise<GuestResult> {
  const { cwd = process.cwd(), env = process.env, modules = ['dm-crypt', 'loop'] } = options;
  const kernel = await kernelCommand(options);
  const exposed = [cwd, ...(options.expose ?? [])].map((folder) => resolve(folder)).filter(isCovered);
  const stdin = options.stdin ?? Buffer.alloc(0);
  const input = { command: options.command, cwd, env, modules, exposed: [...new Set(exposed)], stdin };
  const state = makeStateFolder(input, options.stateParent);
  const supervisor = superviseKernel(state, [...kernel.prefix, ...kernel.argv(state)], kernel.shim);
  const stdout = new FileFollower(join(state, 'stdout'));
  const stderr = new FileFollower(join(state, 'stderr'));
  const poll = () => {
    stdout.poll(options.onStdout ?? (() => undefined));
    stderr.poll(options.onStderr ?? (() => undefined));
  };
  const timer = setInterval(poll, POLL_MS);
  try {
    const ending = await firstEnding(supervisor, options);
    poll();
    const exitCode = readExitCode(state) ?? null;
    const died = ending === 'ended' && exitCode === null;
    return { exitCode, timedOut: ending === 'timeout', panicked: died, console: readConsoleTail(state) };
  } finally {
    clearInterval(timer);
    stdout.close();
    stderr.close();
    await dismiss(supervisor);
  }
}

async function kernelCommand({ memoryMiB = 1536, disks = [], tap }: GuestOptions) {
  const linux = requireTool('user-mode-linux');
  const init = initScript();
  const [isolation, shim] = await Promise.all([isolationPrefix(), ptraceShim()]);
  const prefix = [...(await oneProcessorPrefix()), ...isolation];
  const argv = (state: string) => [
    linux,
    `mem=${memoryMiB}M`,
    ...['root=/dev/root', 'rootfstype=hostfs', 'rw', `init=${init}`, `KEYWARD_GUEST_STATE=${state}`],
    ...[`uml_dir=${join(state, 'uml')}`, 'umid=guest', 'con=null', 'con0=null,fd:1'],
    ...['quiet', 'loglevel=4', 'panic=1'],
    ...disks.map((disk, index) => `ubd${DISK_LETTERS[index]}=${resolve(disk)}`),
    ...(tap === undefined ? [] : [`vec0:transport=tap,ifname=${tap},depth=128,gro=1`]),
  ];
  return { prefix, shim, argv };
}

function superviseKernel(state: string, command: readonly string[], shim: string | undefined): ChildProcess {
  // A session of its own, so that Ctrl-C reaches the caller only: the supervisor must outlive it to clean up.
  return spawn('bash', [join(__dirname, 'supervise.sh'), state, ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
    env: { PATH: process.env.PATH, ...(shim === undefined ? {} : { LD_PRELOAD: shim }) },
  });
}

/** What ends the run: the guest itself, the time limit or the caller's signal. */
function firstEnding(
  supervisor: ChildProcess,
  { timeoutMs, signal }: GuestOptions,
): Promise<'ended' | 'timeout' | 'aborted'> {
  return new Promise((resolve, reject) => {
    const onAbort = () => end('aborted');
    const timer = setTimeout(() => end('timeout'), timeoutMs);
    const end = (ending: 'ended' | 'timeout' | 'aborted') => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      resolve(ending);
    };
    supervisor.stdout?.once('data', () => end('ended'));
    supervisor.once('exit', () => end('ended'));
    supervisor.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    if (signal?.aborted) end('aborted');
    else signal?.addEventListener('abort', onAbort);
  });
}

/** Closing its stdin tells the supervisor to kill what still runs and to remove the state folder. */
async function dismiss(supervisor: ChildProcess): Promise<void> {
  if (supervisor.exitCode !== null || supervisor.signalCode !== null || supervisor.pid === undefined) return;
  const gone = new Promise((resolve) => supervisor.once('close', resolve));
  supervisor.stdin?.end();
  await gone;
}

function isCovered(folder: string): boolean {
  return COVERED.some((covered) => folder.startsWith(`${covered}/`));
}
