/** A TCP relay in front of a real server that can stop to pass anything on, as a server that hangs does, or that is gone. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface StallingRelay {
  /** `http://127.0.0.1:PORT`. */
  readonly address: string;
  /** From now on bytes stay where they are; connections are still taken. */
  stall(): void;
  /** From now on connections end at once, and nothing of them reaches the server. */
  refuse(): void;
  /** Passes on what was held back, and takes connections. */
  resume(): void;
  close(): Promise<void>;
}

/** @param target address of an HTTP server without TLS */
export async function stallingRelay(target: string): Promise<StallingRelay> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let isStalled = false;
  let isRefusing = false;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // The other side then sees the end of its own connection.
    socket.on('error', () => undefined);
  };
  const server = createServer((incoming) => {
    if (isRefusing) return incoming.destroy();
    const outgoing = connect(Number(port), hostname);
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      keep(from);
      from.on('data', (chunk) => to.write(chunk));
      from.on('close', () => to.destroy());
      if (isStalled) from.pause();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stall: () => {
      isStalled = true;
      for (const socket of sockets) socket.pause();
    },
    refuse: () => {
      isRefusing = true;
      for (const socket of sockets) socket.destroy();
    },
    resume: () => {
      isStalled = isRefusing = false;
      for (const socket of sockets) socket.resume();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
