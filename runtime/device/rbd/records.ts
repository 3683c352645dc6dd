/**
 * Records of the RBD back end. What ceph-csi knows of a volume is written where ceph-csi reads it, so that either driver
 * can serve it; the rest is one more key of the journal entry. Several processes may work on one record at once: each write
 * is compare-and-set on what was read.
 *
 * The wrapped key of a finished volume is at the image, as ceph-csi has it; until then it is in the record.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type * as z from 'zod';
import { Semaphore } from '../../async/semaphore';
import { CodedError } from '../../errors';
import type { ImageRef, RecordStore } from '../back-end';
import type { SnapshotRecord, VolumeRecord } from '../record';
import { parseRecord } from '../record-schema';
import { Directory } from './directory';
import { isBlockEncrypted } from './foreign-record';
import type { MetadataValues } from './image-metadata';
import { encodeEntry, imageNameFor, type JournalEntry, recordKey } from './journal';
import { addressOf, findEntry, type Journal, notFound } from './locate';
import { type Replacement, replaceStored } from './replace-stored';
import { readStored } from './stored-record';

/** Each try but the last means that somebody else changed the same record in between. */
const mostTries = 100;
const longestPauseMs = 40;
/** Entries that a list reads at once. */
const readsAtOnce = 16;

export interface RbdRecordsOptions<R> extends Journal {
  readonly kind: ImageRef['kind'];
  readonly schema: z.ZodType<R>;
  /** ceph-csi's `--instanceid`. @default 'default' */
  readonly instanceId?: string;
  /** In which new ones are made: its name, or the number of the pool of what they are made from. */
  readonly pool?: string | number;
  /** The `volumeNamePrefix` of the class. @default - ceph-csi's own */
  readonly imageNamePrefix?: string;
  /** Metadata for people that new images get: names of the claim and the volume. */
  readonly labels?: MetadataValues;
}

export class RbdRecords<R extends VolumeRecord | SnapshotRecord> implements RecordStore<R> {
  readonly #options: RbdRecordsOptions<R>;
  readonly #directory: Directory;

  constructor(options: RbdRecordsOptions<R>) {
    this.#options = options;
    this.#directory = new Directory(options.kind, options.clusterId, options.instanceId ?? 'default');
  }

  /** @throws CodedError POOL_NOT_FOUND; and what {@link Directory.reserve} throws. */
  async reserve(name: string): Promise<string> {
    const { pools, pool = '' } = this.#options;
    const handle = await (typeof pool === 'number' ? pools.byId(pool) : pools.byName(pool));
    if (handle) return this.#directory.reserve(handle, name);
    throw new CodedError('POOL_NOT_FOUND', `there is no pool ${JSON.stringify(pool)} to make a volume in`, {
      remedy: 'Name a pool of the cluster in the parameter "pool" of the class, or make it.',
    });
  }

  async get(id: string): Promise<R | undefined> {
    return (await readStored(this.#options, this.#options.schema, this.#ref(id)))?.record;
  }

  /**
   * Writes the first record under an id. Replaces nothing: what another process wrote meanwhile may be in use.
   * @throws CodedError VOLUME_BUSY when there is a record by now.
   */
  async put(record: R): Promise<void> {
    const { kind, imageNamePrefix } = this.#options;
    const text = this.#serialise(record);
    const address = await addressOf(this.#options, this.#ref(record.id));
    if (!address) throw notFound(this.#ref(record.id));
    const present = await findEntry(this.#options, this.#ref(record.id));
    const sourceImage = await this.#sourceImageOf(record);
    const entry: JournalEntry = {
      // Of a driver that reserved the id and came no further: where its directory is, and the name of an image perhaps.
      imageName: imageNameFor(kind, address.uuid, imageNamePrefix),
      ...present?.entry,
      name: record.name,
      kmsId: record.encryption.kmsId,
      encryptionType: 'block',
      owner: record.encryption.owner,
      ...(sourceImage !== undefined && { sourceImage }),
    };
    const written = await address.pool.objects.change(address.object, {
      expect: new Map([[recordKey, undefined]]),
      set: encodeEntry(kind, entry).set(recordKey, text),
    });
    if (!written && (await findEntry(this.#options, this.#ref(record.id)))?.record !== text) throw busy(record.id);
  }

  /**
   * `change` may be applied several times, each time to what is stored then.
   * @throws CodedError VOLUME_NOT_FOUND, SNAPSHOT_NOT_FOUND; VOLUME_BUSY while others keep changing it.
   */
  async update(id: string, change: (record: R) => R): Promise<R> {
    const { kind, schema, labels } = this.#options;
    for (let tried = 0; tried < mostTries; tried += 1) {
      const stored = await readStored(this.#options, schema, this.#ref(id));
      if (!stored) throw notFound(this.#ref(id));
      const changed = change(stored.record);
      const replacement: Replacement<R> = { kind, stored, changed, serialise: (it) => this.#serialise(it) };
      if (await replaceStored(labels ? { ...replacement, labels } : replacement)) return changed;
      // Those who failed together must not try together.
      await pause(Math.random() * longestPauseMs);
    }
    throw busy(id);
  }

  /** Of all pools that are listed; without volumes of another driver that keyward does not serve. */
  async list(): Promise<readonly string[]> {
    const pools = await this.#options.pools.all();
    const found = (await Promise.all(pools.map((pool) => this.#directory.ids(pool)))).flat();
    const ids = [...new Set(found)].sort();
    const reads = new Semaphore(readsAtOnce);
    const served = await Promise.all(ids.map((id) => reads.run(() => this.#isServed(id))));
    return ids.filter((_, index) => served[index]);
  }

  async forget(id: string, name: string): Promise<void> {
    const address = await addressOf(this.#options, this.#ref(id));
    if (!address) return;
    const { pool, uuid, object } = address;
    const journalPoolId = (await findEntry(this.#options, this.#ref(id)))?.entry.journalPoolId ?? pool.id;
    const directoryPool = journalPoolId === pool.id ? pool : await this.#options.pools.byId(journalPoolId);
    // The name first: who is killed in between repeats the call by the id, and only the entry tells it the name.
    if (directoryPool) await this.#directory.release(directoryPool, name, { poolId: pool.id, uuid });
    // The object of the key lock (key-lock.ts), which ceph-csi makes too.
    await pool.objects.remove(uuid);
    await pool.objects.remove(object);
  }

  async #isServed(id: string): Promise<boolean> {
    const found = await findEntry(this.#options, this.#ref(id));
    return found !== undefined && (found.record !== undefined || isBlockEncrypted(found.entry));
  }

  /** ceph-csi refuses to read a snapshot whose entry does not name its source. */
  async #sourceImageOf(record: R): Promise<string | undefined> {
    if (!('sourceVolumeId' in record)) return undefined;
    const source = { kind: 'volume', id: record.sourceVolumeId } as const;
    const found = await findEntry(this.#options, source);
    if (!found) throw notFound(source);
    return found.entry.imageName;
  }

  /** What could not be read back is not written: the error comes while the old record is still there. */
  #serialise(record: R): string {
    const text = JSON.stringify(record);
    parseRecord(this.#options.schema, text, `the new record of ${record.id}`);
    return text;
  }

  #ref(id: string): ImageRef {
    return { kind: this.#options.kind, id };
  }
}

function busy(id: string): CodedError {
  return new CodedError('VOLUME_BUSY', `the record of ${id} is being changed by others`, {
    remedy: 'Repeat the call later; see whether two controllers run at once.',
  });
}
