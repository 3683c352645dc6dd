/** A credential in a mounted file: a token that something else renews, or the service account token of the pod. */
import { statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { CodedError } from '../../errors';
import { Secret } from '../../secret';

const maxBytes = 64 * 1024;

/**
 * Reads the file without the white space around its content.
 * @throws CodedError CONFIG_UNREADABLE when it is absent, empty, unreadable or larger than a credential can be.
 */
export async function readCredential(path: string, what: string): Promise<Secret> {
  let content: Buffer;
  try {
    if ((await stat(path)).size > maxBytes) throw unreadable(path, what, `is larger than ${maxBytes} bytes`);
    content = await readFile(path);
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw unreadable(path, what, 'cannot be read', error);
  }
  const text = content.toString('utf8').trim();
  content.fill(0);
  if (text === '') throw unreadable(path, what, 'is empty');
  return Secret.fromText(text);
}

/**
 * Changes when the file is written or replaced. The kubelet replaces mounted files by a new link, so the inode counts.
 * Synchronous, because it is asked for before every request: a trip to the thread pool takes longer than the request's work.
 */
export function fingerprint(path: string): string {
  try {
    const { ino, size, mtimeNs } = statSync(path, { bigint: true });
    return `${ino}:${size}:${mtimeNs}`;
  } catch (error) {
    throw unreadable(path, 'the credential', 'cannot be read', error);
  }
}

function unreadable(path: string, what: string, fault: string, cause?: unknown): CodedError {
  return new CodedError('CONFIG_UNREADABLE', `${what} in ${path} ${fault}`, {
    remedy: 'Mount the file into the pod of the driver and see that it may be read.',
    cause,
  });
}
