/** A gRPC server on one unix socket, mode 0600, without TLS: the CSI convention. */
import { chmod, rm } from 'node:fs/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { BoundService } from './service';
import { clearStaleSocket } from './socket';

export interface RunningServer {
  readonly path: string;
  /** Refuses new connections, lets running calls end, and removes the socket. */
  close(): Promise<void>;
}

/** @throws CodedError SOCKET_OCCUPIED. */
export async function serveOnSocket(path: string, services: readonly BoundService[]): Promise<RunningServer> {
  await clearStaleSocket(path);
  const server = new Server({ 'grpc.max_receive_message_length': 4 * 1024 * 1024 });
  for (const { definition, implementation } of services) server.addService(definition, implementation);
  // Between bind and chmod the socket must not be open to others either.
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
  } finally {
    process.umask(umask);
  }
  await chmod(path, 0o600);
  return {
    path,
    close: async () => {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => server.forceShutdown(), 2_000);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      });
      await rm(path, { force: true });
    },
  };
}
