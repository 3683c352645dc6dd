/**
 * Which id a name has: a file per name, written once and as a whole before anything is made under the id. This is what
 * makes CreateVolume idempotent across crashes: the second call finds the id of the first.
 */
import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { isErrno } from '../../errors';
import { readIfPresent, removeDurably, syncFolder } from '../../files/durable-file';
import { parseRecord } from '../record-schema';

const reservation = z.strictObject({ kind: z.string(), name: z.string(), id: z.string() });

export class Names {
  readonly #folder: string;
  readonly #kind: string;

  /** @param folder Shared by all kinds: the kind is part of the file's name. */
  constructor(folder: string, kind: string) {
    this.#folder = folder;
    this.#kind = kind;
  }

  /** The id of `name`; `makeId()` when it had none, and then for good. @throws CodedError RECORD_INVALID. */
  async reserve(name: string, makeId: () => string): Promise<string> {
    const present = await this.find(name);
    if (present !== undefined) return present;
    const id = makeId();
    const created = await createDurably(this.#path(name), `${JSON.stringify({ kind: this.#kind, name, id })}\n`);
    // Somebody else was quicker: theirs is the id.
    return created ? id : this.reserve(name, makeId);
  }

  async find(name: string): Promise<string | undefined> {
    const content = await readIfPresent(this.#path(name));
    return content === undefined ? undefined : parseRecord(reservation, content, `the reservation of ${name}`).id;
  }

  /** Releases the name if it still belongs to `id`: it may have been given out anew since. */
  async release(name: string, id: string): Promise<void> {
    if ((await this.find(name)) === id) await removeDurably(this.#path(name));
  }

  #path(name: string): string {
    return join(this.#folder, createHash('sha256').update(`${this.#kind}\0${name}`).digest('hex'));
  }
}

/** Gives false when there is such a file. Unlike an exclusive open, the file appears with its content or not at all. */
async function createDurably(path: string, content: string): Promise<boolean> {
  const folder = join(path, '..');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(4).toString('hex')}.new`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(folder);
  return true;
}
