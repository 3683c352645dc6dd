/** The directory of the journal: which id the name of a request has. */
import { randomUUID } from 'node:crypto';
import { CodedError } from '../../errors';
import type { ImageRef } from '../back-end';
import { encodeId, encodePoolId } from './ids';
import { decodePlace, directoryKey, directoryObject } from './journal';
import type { PoolHandle } from './pools';

/** Each try but the last means that somebody else changed the same entry in between. */
const mostTries = 10;

export class Directory {
  readonly #kind: ImageRef['kind'];
  readonly #clusterId: string;
  readonly #object: string;

  constructor(kind: ImageRef['kind'], clusterId: string, instanceId: string) {
    this.#kind = kind;
    this.#clusterId = clusterId;
    this.#object = directoryObject(kind, instanceId);
  }

  /**
   * The id of `name`, a new one in this pool when it had none. An entry that leads nowhere, left by a kill, is gone on with.
   * @throws CodedError REQUEST_INVALID, RECORD_INVALID, VOLUME_BUSY.
   */
  async reserve(pool: PoolHandle, name: string): Promise<string> {
    const key = directoryKey(this.#kind, name);
    // The name is the key, and keys end at a NUL for half of Ceph's tools.
    if (name === '' || name.includes('\0')) throw unfit(name);
    for (let tried = 0; tried < mostTries; tried += 1) {
      const present = (await pool.objects.omap(this.#object, key))?.get(key);
      if (present !== undefined) return this.#idAt(pool, present) ?? this.#reject(pool, name);
      const uuid = randomUUID();
      const change = { expect: new Map([[key, undefined]]), set: new Map([[key, uuid]]) };
      if (await pool.objects.change(this.#object, change)) return this.#idOf(pool.id, uuid);
    }
    throw new CodedError('VOLUME_BUSY', `the name ${name} is being reserved and released by somebody else`, {
      remedy: 'Repeat the call.',
    });
  }

  /** Releases the name if it still belongs to this entry: it may have been given out anew since. */
  async release(directoryPool: PoolHandle, name: string, entry: { poolId: number; uuid: string }): Promise<void> {
    const key = directoryKey(this.#kind, name);
    const value = entry.poolId === directoryPool.id ? entry.uuid : `${encodePoolId(entry.poolId)}/${entry.uuid}`;
    await directoryPool.objects.change(this.#object, { expect: new Map([[key, value]]), remove: [key] });
  }

  /** All ids that the directory of a pool leads to. */
  async ids(pool: PoolHandle): Promise<readonly string[]> {
    const entries = await pool.objects.omap(this.#object, directoryKey(this.#kind, ''));
    return [...(entries?.values() ?? [])].map((each) => this.#idAt(pool, each)).filter((id) => id !== undefined);
  }

  #idAt(pool: PoolHandle, value: Uint8Array): string | undefined {
    const place = decodePlace(value);
    return place && this.#idOf(place.poolId ?? pool.id, place.uuid);
  }

  #idOf(poolId: number, uuid: string): string {
    return encodeId({ clusterId: this.#clusterId, poolId, uuid });
  }

  #reject(pool: PoolHandle, name: string): never {
    throw new CodedError('RECORD_INVALID', `the journal of pool ${pool.name} leads from ${name} to no entry`, {
      remedy: `Look at it with rados listomapvals ${this.#object}; ceph-csi or keyward did not write this.`,
    });
  }
}

function unfit(name: string): CodedError {
  return new CodedError('REQUEST_INVALID', `${JSON.stringify(name)} cannot be a key of the journal`, {
    remedy: 'Use a name of at least one character and without NUL.',
  });
}
