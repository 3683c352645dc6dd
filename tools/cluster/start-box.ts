/** Starts the program of a box in namespaces of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { findCommand } from '../find-command';
import type { BoxMessage, ParentMessage } from './box-main';
import type { BoxOptions } from './control-protocol';
import { type BoxLayout, boxLayout } from './layout';

export interface StartBoxOptions extends BoxOptions {
  /** Told after each part that runs. */
  readonly onProgress?: (what: string) => void;
  /** Ends what was begun. */
  readonly signal?: AbortSignal;
}

/** A box that ends with this process, and leaves no folder then, until it is let go. */
export interface StartedBox {
  readonly layout: BoxLayout;
  /** Of the process with which everything of the box ends. */
  readonly pid: number;
  /** From now on the box lives on when this process ends. */
  letGo(): Promise<void>;
  isRunning(): boolean;
  /** Resolves when nothing of it runs any more. */
  readonly ended: Promise<void>;
}

/** Unix sockets below it, those of the guests among them, have paths of at most 107 bytes. */
const folderMaxChars = 50;

/**
 * Resolves when the nodes are ready.
 * @param folder absolute; new or empty
 * @throws Error with what went wrong and the end of a log; nothing runs then, and the folder is there to look into
 */
export async function startBox(
  folder: string,
  { onProgress, signal, ...options }: StartBoxOptions,
): Promise<StartedBox> {
  if (folder.length > folderMaxChars || /[\s,:]/.test(folder))
    throw new Error(
      `${folder}: the folder of a box has at most ${folderMaxChars} characters, no space, comma or colon`,
    );
  signal?.throwIfAborted();
  const layout = boxLayout(folder);
  mkdirSync(layout.logs, { recursive: true, mode: 0o700 });
  const child = spawnBox(layout);
  const ended = once(child, 'exit').then(() => undefined);
  const abort = () => child.kill('SIGKILL');
  signal?.addEventListener('abort', abort);
  try {
    await started(child, layout, options, onProgress);
    return { layout, pid: child.pid ?? 0, isRunning: () => isRunning(child), ended, letGo: () => letGo(child) };
  } catch (error) {
    child.kill('SIGKILL');
    await ended;
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

function spawnBox(layout: BoxLayout): ChildProcess {
  const unshare = findCommand('unshare');
  if (unshare === undefined) throw new Error('unshare is missing. Run: sudo apt-get install util-linux');
  const log = openSync(layout.log, 'a', 0o600);
  try {
    // Between the namespaces and the program a shell as process 1, which takes care of orphans.
    const namespaces = [
      '--net',
      '--pid',
      '--mount-proc',
      '--fork',
      '--kill-child=KILL',
      'bash',
      '-c',
      '"$@"; exit $?',
      'box',
    ];
    const program = [
      process.execPath,
      '--import',
      require.resolve('tsx'),
      join(__dirname, 'box-main.ts'),
      layout.folder,
    ];
    return spawn(unshare, [...namespaces, ...program], {
      cwd: '/',
      env: { PATH: process.env.PATH, HOME: process.env.HOME, XDG_CACHE_HOME: process.env.XDG_CACHE_HOME },
      stdio: ['ignore', log, log, 'ipc'],
      // Ctrl-C is for the parent, whose end the box notices.
      detached: true,
    });
  } finally {
    closeSync(log);
  }
}

async function started(
  child: ChildProcess,
  layout: BoxLayout,
  options: BoxOptions,
  onProgress: StartBoxOptions['onProgress'],
): Promise<void> {
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message: BoxMessage) => {
      if (message.type === 'progress') onProgress?.(message.what);
      else if (message.type === 'ready') resolve();
      else if (message.type === 'failed') reject(new Error(message.message));
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`the box ended while it started. Its log:\n${tail(layout.log)}`)));
  });
  // Whatever fails below has the same cause.
  ready.catch(() => undefined);
  for (const target of ['api-server', 'openbao'] as const) {
    const server = await listen();
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await send(child, { type: 'socket', target, url }, server);
    // The box holds it now; here it would take half of the connections.
    server.close();
  }
  await send(child, { type: 'start', options });
  await ready;
}

async function listen(): Promise<Server> {
  // As its other half has it: each side of a connection finishes by itself.
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function letGo(child: ChildProcess): Promise<void> {
  const told = new Promise<void>((resolve, reject) => {
    child.on('message', (message: BoxMessage) => {
      if (message.type === 'let-go') resolve();
    });
    child.once('exit', () => reject(new Error('the box ended before it was let go')));
  });
  await send(child, { type: 'let-go' });
  await told;
  child.disconnect();
  child.unref();
}

function send(child: ChildProcess, message: ParentMessage, handle?: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    child.send(message, handle, {}, (error) => (error === null ? resolve() : reject(error)));
  });
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
}
