/** The calls of the C library that start a process. Sources: posix_spawn(3), pipe(2), waitpid(2). */
import { getSystemErrorName } from 'node:util';

export interface SpawnCalls {
  /** Both ends of a pipe; no child inherits them. */
  pipe(): readonly [readable: number, writable: number];
  /**
   * Starts `file` with three descriptors as its standard streams, the usual handling of all signals and none blocked.
   * @returns the number of the process. @throws Error
   */
  spawn(
    file: string,
    argv: readonly string[],
    environment: Readonly<Record<string, string>>,
    streams: readonly [number, number, number],
  ): number;
  /** How a child ended, in the encoding of wait(2); undefined while it runs. @throws Error when there is no such child. */
  wait(pid: number): number | undefined;
}

/** More than any C library takes for a posix_spawn_file_actions_t, posix_spawnattr_t or sigset_t. */
const structBytes = 1024;
const [setSignalDefaults, setSignalMask] = [0x04, 0x08];
const closeOnExec = 0o2000000;
const noHang = 1;

/** Undefined where koffi, or the C library, is missing. */
export async function bindSpawn(): Promise<SpawnCalls | undefined> {
  try {
    return bind(await importKoffi());
  } catch {
    return undefined;
  }
}

const importKoffi = () => import('koffi');

function bind(koffi: Awaited<ReturnType<typeof importKoffi>>): SpawnCalls {
  // What is linked into this process: the C library.
  const library = koffi.load(null);
  const pipe2 = library.func('int pipe2(int *, int)');
  const waitpid = library.func('int waitpid(int, int *, int)');
  const actionsInit = library.func('int posix_spawn_file_actions_init(void *)');
  const actionsDup = library.func('int posix_spawn_file_actions_adddup2(void *, int, int)');
  const actionsDestroy = library.func('int posix_spawn_file_actions_destroy(void *)');
  const posixSpawn = library.func(
    'int posix_spawn(int *, const char *, const void *, const void *, const char **, const char **)',
  );
  const attributes = koffi.alloc('uint8_t', structBytes);
  const signals = koffi.alloc('uint8_t', structBytes);
  library.func('int posix_spawnattr_init(void *)')(attributes);
  library.func('int posix_spawnattr_setflags(void *, short)')(attributes, setSignalDefaults | setSignalMask);
  library.func('int sigfillset(void *)')(signals);
  library.func('int posix_spawnattr_setsigdefault(void *, const void *)')(attributes, signals);
  library.func('int sigemptyset(void *)')(signals);
  library.func('int posix_spawnattr_setsigmask(void *, const void *)')(attributes, signals);
  koffi.free(signals);

  return {
    pipe: () => {
      const ends = new Int32Array(2);
      if (pipe2(ends, closeOnExec) !== 0) throw failed('pipe2', koffi.errno());
      return [ends[0] ?? -1, ends[1] ?? -1];
    },
    spawn: (file, argv, environment, streams) => {
      const pid = new Int32Array(1);
      const actions = koffi.alloc('uint8_t', structBytes);
      actionsInit(actions);
      try {
        for (const [target, descriptor] of streams.entries()) actionsDup(actions, descriptor, target);
        const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
        const result = posixSpawn(pid, file, actions, attributes, [...argv, null], [...variables, null]);
        if (result !== 0) throw failed('posix_spawn', result);
        return pid[0] ?? -1;
      } finally {
        actionsDestroy(actions);
        koffi.free(actions);
      }
    },
    wait: (pid) => {
      const status = new Int32Array(1);
      const ended = waitpid(pid, status, noHang);
      if (ended < 0) throw failed('waitpid', koffi.errno());
      return ended === 0 ? undefined : status[0];
    },
  };
}

function failed(call: string, errno: number): Error {
  return new Error(`${call}: ${getSystemErrorName(-errno)}`);
}
