/** Where a server listens: a socket file with its owner and mode, or a name in Linux's abstract namespace. */
import { chmod, chown, lstat, readFile, rm } from 'node:fs/promises';
import type { Server } from 'node:net';
import { CodedError, isErrno } from '../errors';
import { clearStaleSocket, socketPath } from './socket';

export type SocketAddress =
  | { readonly kind: 'path'; readonly path: string }
  /** No file, no owner, no mode: every process of the network namespace may connect. */
  | { readonly kind: 'abstract'; readonly name: string };

export interface SocketAccess {
  /** Default 0600. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** A socket that is listened on. */
export interface ListeningSocket {
  /** False when the file was removed or replaced by somebody: nobody can connect any more. */
  isInPlace(): Promise<boolean>;
  /** Removes the file if it is still ours. */
  remove(): Promise<void>;
}

/** Reads `unix:///path`, `/path`, or `unix:///@name` as the API server does. @throws CodedError CONFIG_INVALID. */
export function parseSocketAddress(endpoint: string): SocketAddress {
  const abstract = /^(?:unix:\/\/)?\/?@(.*)$/.exec(endpoint);
  if (!abstract) return { kind: 'path', path: socketPath(endpoint) };
  const name = abstract[1] ?? '';
  if (name !== '' && Buffer.byteLength(name) <= 107) return { kind: 'abstract', name };
  throw new CodedError('CONFIG_INVALID', `the endpoint ${endpoint} names no abstract socket`, {
    remedy: 'Write it as unix:///@name, with a name of 1 to 107 bytes.',
  });
}

/** For people: as an API server's `endpoint` spells it. */
export function formatSocketAddress(address: SocketAddress): string {
  return address.kind === 'path' ? `unix://${address.path}` : `unix:///@${address.name}`;
}

/**
 * Listens, after a stale socket was removed.
 * @throws CodedError SOCKET_OCCUPIED (something else is there), CONFIG_INVALID (folder, owner or mode cannot be had).
 */
export async function listenOn(server: Server, address: SocketAddress, access: SocketAccess): Promise<ListeningSocket> {
  if (address.kind === 'abstract') return listenOnAbstract(server, address.name);
  const { path } = address;
  try {
    await clearStaleSocket(path);
    // Between bind and chmod the socket must not be open to others either.
    const umask = process.umask(0o177);
    try {
      await listening(server, path);
    } finally {
      process.umask(umask);
    }
    if (access.uid !== undefined || access.gid !== undefined) await chown(path, access.uid ?? -1, access.gid ?? -1);
    await chmod(path, access.mode ?? 0o600);
    return ownedFile(path, await inodeOf(path));
  } catch (error) {
    server.close();
    throw error instanceof CodedError ? error : unusable(path, error);
  }
}

function ownedFile(path: string, inode: bigint | undefined): ListeningSocket {
  const isInPlace = async () => inode !== undefined && (await inodeOf(path)) === inode;
  return {
    isInPlace,
    remove: async () => {
      if (await isInPlace()) await rm(path, { force: true });
    },
  };
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  try {
    return (await lstat(path, { bigint: true })).ino;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function listenOnAbstract(server: Server, name: string): Promise<ListeningSocket> {
  await listening(server, `\0${name}`).catch((error: unknown) => {
    throw isErrno(error, 'EADDRINUSE') ? occupied(name) : unusable(`@${name}`, error);
  });
  if (await isPadded(name)) {
    server.close();
    throw new CodedError('CONFIG_INVALID', 'this version of Node.js cannot serve abstract sockets that others find', {
      remedy: 'Run keyward on Node.js 22 or newer, or use a socket file.',
    });
  }
  return { isInPlace: async () => true, remove: async () => undefined };
}

/** Node.js 20 fills the name with zeros up to the longest one, and that is another name. The kernel shows zeros as `@`. */
async function isPadded(name: string): Promise<boolean> {
  const sockets = await readFile('/proc/net/unix', 'latin1').catch(() => '');
  return sockets.split('\n').some((line) => line.includes(` @${name}@`)) && !sockets.includes(` @${name}\n`);
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

function occupied(name: string): CodedError {
  return new CodedError('SOCKET_OCCUPIED', `another process is serving on the abstract socket @${name}`, {
    remedy: 'Stop the other process or choose another endpoint.',
  });
}

function unusable(path: string, cause: unknown): CodedError {
  const reason = isErrno(cause, 'EPERM')
    ? 'its owner cannot be set without the right to change owners (CAP_CHOWN)'
    : isErrno(cause, 'EACCES', 'EROFS')
      ? 'its folder may not be written'
      : `the system says ${cause instanceof Error && 'code' in cause ? String(cause.code) : 'no'}`;
  return new CodedError('CONFIG_INVALID', `the socket ${path} cannot be made: ${reason}`, {
    remedy: 'Mount the folder of the socket for writing, and check the options for owner and mode.',
    cause,
  });
}
