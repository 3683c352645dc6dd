/** The socket: whether the plugin could serve there, or already does. */
import { access, constants, lstat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import type { KmsPluginConfig } from '../../../lib/schema/kms-plugin';
import { isErrno } from '../../errors';
import { parseSocketAddress, type SocketAddress } from '../../grpc/socket-address';
import { type Finding, failed, failure, ok, warning } from './finding';

export async function checkSocket({ socket }: KmsPluginConfig): Promise<readonly Finding[]> {
  const check = `socket: ${socket.endpoint}`;
  try {
    const address = parseSocketAddress(socket.endpoint);
    if (await answers(address))
      return [ok(check, 'a process serves on it'), ...(await modeFindings(check, address, socket))];
    if (address.kind === 'abstract') return [ok(check, 'it is free')];
    return [await freePath(check, address.path)];
  } catch (error) {
    return [failure(check, error)];
  }
}

async function freePath(check: string, path: string): Promise<Finding> {
  const found = await lstat(path).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (found && !found.isSocket()) {
    return failed(
      check,
      'something that is no socket is there',
      'Move it away; the plugin removes only stale sockets.',
    );
  }
  if (found) return ok(check, 'a stale socket is there, which the plugin will replace');
  return (await isWritable(dirname(path)))
    ? ok(check, 'it is free')
    : warning(
        check,
        `the folder ${dirname(path)} is not there or may not be written`,
        'The plugin makes it if it may.',
      );
}

async function modeFindings(
  check: string,
  address: SocketAddress,
  wanted: KmsPluginConfig['socket'],
): Promise<readonly Finding[]> {
  if (address.kind === 'abstract') return [];
  const { mode, uid, gid } = await lstat(address.path);
  const findings: Finding[] = [];
  const bits = mode & 0o777;
  if (bits & 0o002) {
    findings.push(warning(check, `everyone may connect (mode ${bits.toString(8)})`, 'Use --socket-mode 0600 or 0660.'));
  }
  const isOwner = (wanted.uid ?? uid) === uid && (wanted.gid ?? gid) === gid;
  if (!isOwner) {
    findings.push(
      warning(check, `it belongs to ${uid}:${gid}`, 'Restart the plugin with the options for uid and gid.'),
    );
  }
  return findings;
}

async function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

function answers(address: SocketAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(address.kind === 'path' ? address.path : `\0${address.name}`);
    const end = (answer: boolean) => () => {
      connection.destroy();
      resolve(answer);
    };
    connection.setTimeout(2_000, end(false));
    connection.once('connect', end(true));
    connection.once('error', end(false));
  });
}
