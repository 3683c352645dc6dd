/**
 * What NodeUnstageVolume needs and its request does not carry: written before the device is touched, removed when nothing
 * of the stage is left. One small file a volume in the state folder of the node.
 */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { volumeRecordSchema } from '../device/record-schema';
import { CodedError, isErrno } from '../errors';
import { readIfPresent, removeDurably, writeDurably } from '../files/durable-file';

const schema = z.strictObject({
  version: z.literal(1),
  volumeId: z.string().min(1),
  stagingPath: z.string().min(1),
  accessType: z.enum(['mount', 'block']),
  readOnly: z.boolean(),
  mountFlags: z.array(z.string()),
  /** The volume as it was when it was staged, or last changed from this node. */
  volume: volumeRecordSchema.exactOptional(),
});

export type StageRecord = Readonly<z.infer<typeof schema>>;

export class StageRecords {
  readonly #folder: string;

  constructor(stateDirectory: string) {
    this.#folder = join(stateDirectory, 'stage');
  }

  /** @throws CodedError RECORD_INVALID. */
  async get(volumeId: string): Promise<StageRecord | undefined> {
    const path = this.#path(volumeId);
    const text = await readIfPresent(path);
    return text === undefined ? undefined : decode(path, text);
  }

  put(record: StageRecord): Promise<void> {
    return writeDurably(this.#path(record.volumeId), `${JSON.stringify(record)}\n`);
  }

  remove(volumeId: string): Promise<void> {
    return removeDurably(this.#path(volumeId));
  }

  /** Ids of the volumes that are staged here, or were when the process died. */
  async list(): Promise<readonly string[]> {
    const names = await readdir(this.#folder).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    });
    const records: string[] = [];
    for (const name of names.filter((each) => each.endsWith('.json'))) {
      const path = join(this.#folder, name);
      const text = await readIfPresent(path);
      if (text !== undefined) records.push(decode(path, text).volumeId);
    }
    return records;
  }

  /** An id is not a file name: other drivers' ids may hold any character. */
  #path(volumeId: string): string {
    return join(this.#folder, `${createHash('sha256').update(volumeId).digest('hex')}.json`);
  }
}

function decode(path: string, text: string): StageRecord {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new CodedError('RECORD_INVALID', `the stage record ${path} cannot be read`, {
      remedy: 'Unmount and close the volume by hand, then remove the file.',
      cause,
    });
  }
}
