/**
 * A lock between processes of one machine. It is a socket in Linux's abstract namespace: the kernel frees it when its
 * holder dies in whatever way, so there is no stale lock file to judge.
 */
import { createHash } from 'node:crypto';
import { connect, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LockOptions {
  /** Called once when another process holds the lock. */
  readonly onWait?: () => void;
}

const RETRY_MS = 250;

/** Runs `work` while this process alone holds the lock `name`; waits for other holders without limit. */
export async function withMachineLock<T>(name: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const address = `\0keyward-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
  let server = await tryListen(address);
  if (server === undefined) options.onWait?.();
  while (server === undefined) {
    await holderGone(address);
    server = await tryListen(address);
  }
  try {
    return await work();
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

/** A connection to the holder lasts as long as the holder: its end is the moment to try again. */
async function holderGone(address: string): Promise<void> {
  await new Promise<void>((resolve) => {
    connect(address)
      .on('close', () => resolve())
      .on('error', () => resolve())
      .resume();
  });
  await sleep(Math.random() * RETRY_MS);
}

function tryListen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const waiting = new Set<import('node:net').Socket>();
    const server = createServer((socket) => {
      waiting.add(socket);
      socket.on('error', () => undefined).on('close', () => waiting.delete(socket));
    });
    const close = server.close.bind(server);
    // Closing a server does not end its connections, and those are what the waiting processes watch.
    server.close = (done) => {
      close(done);
      for (const socket of waiting) socket.destroy();
      return server;
    };
    server.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(address, () => resolve(server));
  });
}
