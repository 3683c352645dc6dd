/** The Node.js of the image: the very program that runs the build, or another one of this machine. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { FileEntry } from './entry';
import { ImageError } from './image-error';

/** Where Node.js is in the image. */
export const nodePath = '/usr/bin/node';

export interface NodeProgram {
  /** Without the `v`. */
  readonly version: string;
  readonly program: FileEntry;
  /** Its licence, where the machine has it. */
  readonly license: readonly FileEntry[];
}

const leastMajor = 20;

/** Takes the Node.js at `file`. @throws ImageError NODE_UNUSABLE */
export async function nodeProgram(file: string): Promise<NodeProgram> {
  const { stdout } = await promisify(execFile)(file, ['--version']).catch((cause: Error) => {
    throw unusable(file, 'it does not run here', cause);
  });
  const version = /^v(\d+\.\d+\.\d+)\s*$/.exec(stdout)?.[1];
  if (version === undefined) throw unusable(file, `it says of itself: ${stdout.trim().slice(0, 80)}`);
  if (Number.parseInt(version, 10) < leastMajor) throw unusable(file, `it is of version ${version}`);
  // Where the official archive has it, and where packages have it.
  const licenses = [join(dirname(file), '../LICENSE'), join(dirname(file), '../share/doc/nodejs/copyright')];
  const license = licenses.find((path) => existsSync(path));
  return {
    version,
    program: { type: 'file', path: nodePath, mode: 0o755, content: { file } },
    license:
      license === undefined
        ? []
        : [{ type: 'file', path: '/usr/share/doc/nodejs/copyright', content: { file: license } }],
  };
}

function unusable(file: string, reason: string, cause?: Error): ImageError {
  const text = `${file} cannot be the Node.js of the image: ${reason}. Give an official one of version ${leastMajor} or newer with --node FILE.`;
  return new ImageError('NODE_UNUSABLE', text, cause && { cause });
}
