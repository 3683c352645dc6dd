/** Records of the loop back end: one JSON file each, `records/<kind>s/<id>.json`, replaced as a whole. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { Serial } from '../../async/serial';
import { CodedError, isErrno } from '../../errors';
import { readIfPresent, removeDurably, writeDurably } from '../../files/durable-file';
import type { ImageRef, RecordStore } from '../back-end';
import { parseRecord } from '../record-schema';
import { newId, nodeHashOf } from './ids';
import { Names } from './names';

export interface FileRecordsOptions<R> {
  /** The folder of the back end. */
  readonly directory: string;
  readonly nodeId: string;
  readonly kind: ImageRef['kind'];
  readonly schema: z.ZodType<R>;
}

export class FileRecords<R extends { readonly id: string; readonly name: string }> implements RecordStore<R> {
  readonly #options: FileRecordsOptions<R>;
  readonly #folder: string;
  readonly #names: Names;
  readonly #serial = new Serial();

  constructor(options: FileRecordsOptions<R>) {
    this.#options = options;
    this.#folder = join(options.directory, 'records', `${options.kind}s`);
    this.#names = new Names(join(options.directory, 'names'), options.kind);
  }

  reserve(name: string): Promise<string> {
    return this.#names.reserve(name, () => newId(this.#options.nodeId));
  }

  async get(id: string): Promise<R | undefined> {
    if (nodeHashOf(id) === undefined) return undefined;
    const content = await readIfPresent(this.#path(id));
    if (content === undefined) return undefined;
    const record = parseRecord(this.#options.schema, content, `the record of ${id}`);
    if (record.id === id) return record;
    throw new CodedError('RECORD_INVALID', `the record of ${id} belongs to another ${this.#options.kind}`, {
      remedy: 'Somebody copied or renamed the file: restore it from a backup.',
    });
  }

  put(record: R): Promise<void> {
    return this.#serial.run(record.id, () => this.#write(record));
  }

  update(id: string, change: (record: R) => R): Promise<R> {
    return this.#serial.run(id, async () => {
      const record = await this.get(id);
      if (record === undefined) throw notFound(this.#options.kind, id);
      const changed = change(record);
      await this.#write(changed);
      return changed;
    });
  }

  async list(): Promise<readonly string[]> {
    const files = await readdir(this.#folder).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    });
    const ids = files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length));
    return ids.filter((id) => nodeHashOf(id) !== undefined).sort();
  }

  async forget(id: string, name: string): Promise<void> {
    if (nodeHashOf(id) === undefined) return;
    // The name first: who is killed in between repeats the call by the id, and only the record tells it the name.
    await this.#names.release(name, id);
    await this.#serial.run(id, () => removeDurably(this.#path(id)));
  }

  /** What could not be read back is not written: the error comes while the old record is still there. */
  async #write(record: R): Promise<void> {
    if (nodeHashOf(record.id) === undefined) throw notFound(this.#options.kind, record.id);
    const content = `${JSON.stringify(record, undefined, 2)}\n`;
    parseRecord(this.#options.schema, content, `the new record of ${record.id}`);
    await writeDurably(this.#path(record.id), content);
  }

  #path(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}

/** The error for an id that names nothing here. */
export function notFound(kind: ImageRef['kind'], id: string): CodedError {
  const code = kind === 'volume' ? 'VOLUME_NOT_FOUND' : 'SNAPSHOT_NOT_FOUND';
  return new CodedError(code, `there is no ${kind} ${id}`, {
    remedy: `Check the id; the ${kind} may have been deleted.`,
  });
}
