/** Looks for secrets in every form in which they could have leaked: as they are, in hexadecimal, in base64 at any alignment. */
import { closeSync, type Dirent, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Secret } from '../../runtime/secret';

export interface Needle {
  /** Shown instead of the secret. */
  readonly name: string;
  readonly bytes: Buffer;
}

const chunkBytes = 1024 * 1024;
const zeros = Buffer.alloc(chunkBytes);

export function needlesOf(name: string, secret: Secret): readonly Needle[] {
  return secret.use((bytes) => [
    { name: `${name} as it is`, bytes: Buffer.from(bytes) },
    ...['hex', 'HEX'].map((form) => {
      const text = bytes.toString('hex');
      return { name: `${name} in ${form}`, bytes: Buffer.from(form === 'HEX' ? text.toUpperCase() : text) };
    }),
    // Inside of a longer text the same bytes read in three ways; the characters shared with the neighbours are cut off.
    ...[0, 1, 2].map((shift) => {
      const text = Buffer.concat([Buffer.alloc(shift), bytes])
        .toString('base64url')
        .replaceAll('-', '+')
        .replaceAll('_', '/');
      const whole = text.slice(Math.ceil((shift * 4) / 3), Math.floor(((shift + bytes.length) * 8) / 6));
      return { name: `${name} in base64, shifted by ${shift}`, bytes: Buffer.from(whole) };
    }),
  ]);
}

/** Names of the needles that are in the text. */
export function findIn(haystack: Buffer | string, needles: readonly Needle[]): readonly string[] {
  const bytes = typeof haystack === 'string' ? Buffer.from(haystack) : haystack;
  return needles.filter((needle) => bytes.includes(needle.bytes)).map(({ name }) => name);
}

/** Each file below the folder that holds a needle, with the needle's name. Other file systems mounted below are not entered. */
export function findInFiles(folder: string, needles: readonly Needle[]): readonly string[] {
  const device = statSync(folder).dev;
  const longest = Math.max(...needles.map(({ bytes }) => bytes.length));
  return filesBelow(folder, device).flatMap((path) =>
    findInFile(path, needles, longest).map((name) => `${path}: ${name}`),
  );
}

/** Arguments and environment of a process; nothing when it is gone. */
export function findInProcess(pid: number, needles: readonly Needle[]): readonly string[] {
  return ['cmdline', 'environ'].flatMap((file) => {
    try {
      return findIn(readFileSync(`/proc/${pid}/${file}`), needles).map((name) => `${file} of ${pid}: ${name}`);
    } catch {
      // It has ended.
      return [];
    }
  });
}

function filesBelow(folder: string, device: number): readonly string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    // Removed since its parent was read.
    return [];
  }
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isFile()) return [path];
    return entry.isDirectory() && statSync(path, { throwIfNoEntry: false })?.dev === device
      ? filesBelow(path, device)
      : [];
  });
}

function findInFile(path: string, needles: readonly Needle[], longest: number): readonly string[] {
  const found = new Set<string>();
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return [];
  }
  const buffer = Buffer.alloc(chunkBytes);
  // Chunks overlap, so that a needle on their border is seen.
  for (let at = 0; ; at += chunkBytes - longest) {
    const length = readSync(file, buffer, 0, chunkBytes, at);
    const part = buffer.subarray(0, length);
    if (!part.equals(zeros.subarray(0, length))) for (const name of findIn(part, needles)) found.add(name);
    if (length < chunkBytes) break;
  }
  closeSync(file);
  return [...found];
}
