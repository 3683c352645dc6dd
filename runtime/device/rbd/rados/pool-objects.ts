/** {@link RadosObjects} of one pool and namespace, over one connection. */
import { CodedError } from '../../../errors';
import { complete } from './completion';
import { errno, poolNotFound, radosError } from './errno';
import type { Pointer, RadosLibrary } from './functions';
import { lockCall, unlockCall } from './locks';
import type { OmapChange, RadosObjects } from './objects';
import { readOmap } from './read-omap';
import { withChange } from './write-operation';

/** What a connection offers to the objects of its pools. */
export interface PoolAccess {
  /** For messages. */
  readonly pool: number | string;
  /**
   * Runs `action` with the handle of the pool, and keeps the connection open meanwhile. An error that it throws may end
   * the connection. @throws CodedError POOL_NOT_FOUND, CEPH_*.
   */
  run<T>(action: (rados: RadosLibrary, pool: Pointer) => Promise<T>): Promise<T>;
}

const maxObjectBytes = 64 * 1024;
/** What tells that a condition does not hold, and nothing else. */
const unmet: readonly number[] = [errno.ECANCELED, errno.EEXIST];

export class PoolObjects implements RadosObjects {
  readonly #access: PoolAccess;

  constructor(access: PoolAccess) {
    this.#access = access;
  }

  read(object: string): Promise<Buffer | undefined> {
    return this.#access.run(async (rados, pool) => {
      // One byte more than allowed, to see that there is more.
      const memory = rados.allocate(maxObjectBytes + 1);
      try {
        const result = await complete(rados, (completion) =>
          rados.rados_aio_read(pool, object, completion, memory, maxObjectBytes + 1, 0),
        );
        if (result === -errno.ENOENT) return undefined;
        if (result < 0) throw this.#error('read', object, result);
        if (result > maxObjectBytes) throw tooLarge(object);
        return rados.copy(memory, result);
      } finally {
        rados.free(memory);
      }
    });
  }

  omap(object: string, prefix = ''): Promise<ReadonlyMap<string, Buffer> | undefined> {
    return this.#access.run((rados, pool) =>
      readOmap(rados, pool, object, prefix, (result) => this.#error('read', object, result)),
    );
  }

  async change(object: string, change: OmapChange): Promise<boolean> {
    return (await this.#operate('change', object, change, unmet)) >= 0;
  }

  async remove(object: string): Promise<void> {
    await this.#access.run(async (rados, pool) => {
      const result = await complete(rados, (completion) => rados.rados_aio_remove(pool, object, completion));
      if (result < 0 && result !== -errno.ENOENT) throw this.#error('remove', object, result);
    });
  }

  async lock(object: string, name: string, cookie: string, durationMs: number): Promise<boolean> {
    const change = { execute: [lockCall(name, cookie, durationMs)] };
    return (await this.#operate('lock', object, change, [errno.EBUSY])) >= 0;
  }

  async renew(object: string, name: string, cookie: string, durationMs: number): Promise<boolean> {
    const change = { mustExist: true, execute: [lockCall(name, cookie, durationMs, 'must-renew')] };
    return (await this.#operate('renew the lock on', object, change, [errno.EBUSY])) >= 0;
  }

  async unlock(object: string, name: string, cookie: string): Promise<void> {
    await this.#operate('unlock', object, { mustExist: true, execute: [unlockCall(name, cookie)] }, []);
  }

  /** Gives the result when it is none of an error, or one of `answers`. */
  #operate(verb: string, object: string, change: OmapChange, answers: readonly number[]): Promise<number> {
    return this.#access.run((rados, pool) =>
      withChange(rados, change, async (operation) => {
        const result = await complete(rados, (completion) =>
          rados.rados_aio_write_op_operate(operation, pool, completion, object, null, 0),
        );
        if (result >= 0 || answers.includes(-result)) return result;
        if (result !== -errno.ENOENT) throw this.#error(verb, object, result);
        if (change.mustExist) return result;
        throw poolNotFound(this.#access.pool);
      }),
    );
  }

  #error(verb: string, object: string, result: number): CodedError {
    return radosError(`${verb} object ${object} of pool ${this.#access.pool}`, result);
  }
}

function tooLarge(object: string): CodedError {
  return new CodedError('CEPH_FAILED', `object ${object} is larger than ${maxObjectBytes} bytes`, {
    remedy: 'It is none that this driver or ceph-csi makes: see whose the pool is.',
  });
}
