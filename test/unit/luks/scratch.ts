/** What the LUKS tests work on: headers on plain files, which need neither root nor device-mapper. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultLuks } from '../../../lib/schema/luks-parameters';
import { Semaphore } from '../../../runtime/async/semaphore';
import { Cryptsetup } from '../../../runtime/luks/cryptsetup';
import { type Run, run } from '../../../runtime/process/run';
import { Secret } from '../../../runtime/secret';
import { describeWith } from '../../harness/describe-with';

export const uuid = '5f0f3d0e-8a52-4c19-9c5b-0d8c3b5d7a11';
export const luks = defaultLuks;

/** Bytes that text handling would spoil: a newline, a zero, no UTF-8. */
export const oldBytes = Buffer.from('6f6c640a00ff4b45592d63616e6172792d31323334353637383930616263', 'hex');
export const newBytes = Buffer.from('6e65770a00fe4b45592d63616e6172792d393837363534333231', 'hex');
export const oldKey = () => Secret.take(Buffer.from(oldBytes));
export const newKey = () => Secret.take(Buffer.from(newBytes));

export interface Scratch {
  readonly folder: string;
  readonly image: string;
  readonly cryptsetup: Cryptsetup;
  /** Every command that was started, with its arguments. */
  readonly commands: (readonly string[])[];
  remove(): void;
}

export function makeScratch(sizeBytes = 32 * 1024 * 1024): Scratch {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-luks-'));
  const image = join(folder, 'image');
  writeFileSync(image, '');
  truncateSync(image, sizeBytes);
  const commands: (readonly string[])[] = [];
  const recording: Run = (tool, args, options) => {
    commands.push([tool, ...args]);
    return run(tool, args, options);
  };
  const cryptsetup = new Cryptsetup({ run: recording, parallel: new Semaphore(2) });
  return { folder, image, commands, cryptsetup, remove: () => rmSync(folder, { recursive: true }) };
}

/** Skipped by name, or failing in continuous integration, where there is no cryptsetup. */
export const describeWithCryptsetup = (name: string, body: () => void) => describeWith(['cryptsetup'], name, body);

type Json = Record<string, never> & { [key: string]: Json };
const copyBytes = 16 * 1024;

/** Rewrites both copies of a header, as somebody with write access to the storage would: with valid checksums. */
export function editHeader(
  image: string,
  edit: (json: Json) => void,
  copies: readonly ('primary' | 'secondary')[] = ['primary', 'secondary'],
): void {
  const bytes = readFileSync(image);
  for (const copy of copies) {
    const at = bytes.subarray(copy === 'primary' ? 0 : copyBytes, copy === 'primary' ? copyBytes : 2 * copyBytes);
    const json = JSON.parse(at.toString('utf8', 4096, at.indexOf(0, 4096)));
    edit(json);
    at.fill(0, 4096);
    at.write(JSON.stringify(json), 4096);
    seal(at);
  }
  writeFileSync(image, bytes);
}

/** Changes the binary part of one copy and gives it a valid checksum. */
export function editBinary(image: string, offset: number, edit: (copy: Buffer) => void): void {
  const bytes = readFileSync(image);
  const copy = bytes.subarray(offset, offset + copyBytes);
  edit(copy);
  seal(copy);
  writeFileSync(image, bytes);
}

/** Overwrites bytes and leaves the checksum as it is: damage. */
export function damage(image: string, offset: number, lengthBytes = 16): void {
  const bytes = readFileSync(image);
  bytes.fill(0xa5, offset, offset + lengthBytes);
  writeFileSync(image, bytes);
}

function seal(copy: Buffer): void {
  copy.fill(0, 448, 512);
  createHash('sha256').update(copy).digest().copy(copy, 448);
}
