/** The plugin of the soak: the bundle as a process, with a probe beside it that tells its memory after collections. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface MemorySample {
  /** Of JavaScript, after two full collections. */
  readonly heapMiB: number;
  /** Buffers and what else is outside of it. */
  readonly externalMiB: number;
  readonly rssMiB: number;
}

export interface SoakPlugin {
  readonly hasEnded: () => boolean;
  memory(): Promise<MemorySample>;
  stop(): Promise<void>;
}

const startTimeoutMs = 60_000;
const probeTimeoutMs = 30_000;
const mebibyte = 1024 * 1024;

/**
 * @param executable the bundle
 * @param socket that the flags name
 * @throws Error with the end of its log when it does not start
 */
export async function startSoakPlugin(
  executable: string,
  socket: string,
  flags: readonly string[],
): Promise<SoakPlugin> {
  const probe = join(__dirname, 'memory-probe.cjs');
  const child = spawn(process.execPath, ['--expose-gc', '--require', probe, executable, 'kms-plugin', ...flags], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4_000);
  });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const until = Date.now() + startTimeoutMs;
  while (!existsSync(socket)) {
    if (hasEnded() || Date.now() > until) {
      child.kill('SIGKILL');
      throw new Error(`The plugin did not start. Its log ends:\n${log}`);
    }
    await sleep(50);
  }
  return {
    hasEnded,
    memory: () => memoryOf(child),
    stop: async () => {
      if (hasEnded()) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(force);
    },
  };
}

function memoryOf(child: ChildProcess): Promise<MemorySample> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The plugin does not tell its memory.')), probeTimeoutMs);
    child.once('message', (told: NodeJS.MemoryUsage) => {
      clearTimeout(timer);
      resolve({
        heapMiB: told.heapUsed / mebibyte,
        externalMiB: told.external / mebibyte,
        rssMiB: told.rss / mebibyte,
      });
    });
    child.send({});
  });
}
