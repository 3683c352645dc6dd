/**
 * Keys that outlived their volume: at its deletion the tenant's identity was gone, or led elsewhere (R14). Each is one
 * small file in the state of the node until somebody sweeps it. Holds no key.
 */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { parseRecord } from '../device/record-schema';
import { isErrno } from '../errors';
import { readIfPresent, removeDurably, writeDurably } from '../files/durable-file';
import { type KeyLocation, keyLocationSchema } from '../key-location';

export interface OrphanKey {
  readonly kmsId: string;
  readonly volumeId: string;
  /** Tenant: namespace of the claim. */
  readonly owner: string;
  readonly location: KeyLocation;
  /** Why it could not be removed. */
  readonly reason: string;
  /** RFC 3339. */
  readonly since: string;
}

const schema = z.strictObject({
  kmsId: z.string().min(1).max(4096),
  volumeId: z.string().min(1).max(4096),
  owner: z.string().max(4096),
  location: keyLocationSchema,
  reason: z.string().max(4096),
  since: z.iso.datetime({ offset: true }),
}) satisfies z.ZodType<OrphanKey>;

export class OrphanKeys {
  readonly #folder: string;

  /** @param stateDirectory what survives a restart of the pod. */
  constructor(stateDirectory: string) {
    this.#folder = join(stateDirectory, 'orphan-keys');
  }

  /** Durable when it returns. The same key twice is one entry. */
  async add(orphan: OrphanKey): Promise<void> {
    const reason = orphan.reason.slice(0, 4096);
    await writeDurably(this.#path(orphan), `${JSON.stringify({ ...orphan, reason }, undefined, 2)}\n`);
  }

  /** Oldest first. @throws CodedError RECORD_INVALID. */
  async list(): Promise<readonly OrphanKey[]> {
    const files = await readdir(this.#folder).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    });
    const found: OrphanKey[] = [];
    for (const file of files.filter((each) => each.endsWith('.json'))) {
      const content = await readIfPresent(join(this.#folder, file));
      if (content !== undefined) found.push(parseRecord(schema, content, `the orphan key ${file}`));
    }
    return found.sort((one, other) => (one.since < other.since ? -1 : 1));
  }

  /** No error when it is not listed. */
  async forget(key: Pick<OrphanKey, 'kmsId' | 'volumeId'>): Promise<void> {
    const path = this.#path(key);
    if ((await readIfPresent(path)) !== undefined) await removeDurably(path);
  }

  #path({ kmsId, volumeId }: Pick<OrphanKey, 'kmsId' | 'volumeId'>): string {
    return join(this.#folder, `${createHash('sha256').update(`${kmsId}\n${volumeId}`).digest('hex')}.json`);
  }
}
