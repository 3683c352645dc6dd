/** Prepares the path of a unix socket: a stale socket is removed, everything else that is there is left alone. */
import { lstat, mkdir, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { dirname, isAbsolute } from 'node:path';
import { CodedError, isErrno } from '../errors';

/** Path of a `unix:///…` endpoint. @throws CodedError CONFIG_INVALID. */
export function socketPath(endpoint: string): string {
  const path = endpoint.startsWith('unix://') ? endpoint.slice('unix://'.length) : endpoint;
  if (!isAbsolute(path)) {
    throw new CodedError('CONFIG_INVALID', `the endpoint ${endpoint} is not a unix socket with an absolute path`, {
      remedy: 'Write it as unix:///csi/csi.sock.',
    });
  }
  // sun_path holds 108 bytes with its closing zero; a longer one would be cut silently by some clients.
  if (Buffer.byteLength(path) > 107) {
    throw new CodedError('CONFIG_INVALID', `the socket path ${path} is longer than 107 bytes`, {
      remedy: 'Choose a folder with a shorter path.',
    });
  }
  return path;
}

/** @throws CodedError SOCKET_OCCUPIED when the path is not a socket, or a socket on which somebody answers. */
export async function clearStaleSocket(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const found = await lstat(path).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (!found) return;
  if (!found.isSocket()) {
    throw new CodedError('SOCKET_OCCUPIED', `${path} exists and is not a socket`, {
      remedy: 'Move it away or choose another endpoint; keyward does not remove what it did not make.',
    });
  }
  if (await answers(path)) {
    throw new CodedError('SOCKET_OCCUPIED', `another process is serving on ${path}`, {
      remedy: 'Stop the other process or choose another endpoint.',
    });
  }
  await rm(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(path);
    connection.setTimeout(2_000);
    const end = (answer: boolean) => () => {
      connection.destroy();
      resolve(answer);
    };
    connection.once('connect', end(true));
    connection.once('error', end(false));
    connection.once('timeout', end(true));
  });
}
