/** One connection to a Ceph cluster as one user. Calls may run side by side; each ends by a timeout at the latest. */
import { CodedError, isCoded } from '../../../errors';
import { errno, poolNotFound, radosError } from './errno';
import type { Out, Pointer, RadosLibrary } from './functions';
import { type ClusterAccess, openHandle, type RadosTimeouts } from './handle';
import { loadRados } from './library';
import { watchersOf } from './librbd';
import { askMonitor, poolNumbers, poolUsage } from './monitor';
import type { RadosObjects } from './objects';
import { type Pool, poolOfMap } from './pool-map';
import { PoolObjects } from './pool-objects';

export class RadosCluster {
  readonly #rados: RadosLibrary;
  readonly #handle: Pointer;
  /** Pool and namespace → handle of the pool. */
  readonly #pools = new Map<string, Promise<Pointer>>();
  readonly #running = new Set<Promise<unknown>>();
  #usedAtMs = performance.now();
  #state: 'open' | 'useless' | 'closed' = 'open';

  private constructor(rados: RadosLibrary, handle: Pointer) {
    this.#rados = rados;
    this.#handle = handle;
  }

  /** @throws CodedError TOOL_MISSING, CEPH_UNREACHABLE, CEPH_DENIED, CEPH_FAILED. */
  static async connect({
    timeouts = {},
    ...access
  }: ClusterAccess & { readonly timeouts?: RadosTimeouts }): Promise<RadosCluster> {
    const rados = await loadRados();
    return new RadosCluster(rados, await openHandle(rados, access, timeouts));
  }

  /** False when it was closed, and when the cluster has shut it out or has refused it: another connection may fare better. */
  get isUsable(): boolean {
    return this.#state === 'open';
  }

  /** For how long nothing has run; 0 while something does. */
  get idleMs(): number {
    return this.#running.size > 0 ? 0 : performance.now() - this.#usedAtMs;
  }

  /** @throws CodedError CEPH_*. */
  poolByName(name: string): Promise<Pool | undefined> {
    return this.#findPool(name);
  }

  /** @throws CodedError CEPH_*. */
  poolById(id: number): Promise<Pool | undefined> {
    return this.#findPool(id);
  }

  /** All pools of the cluster. @throws CodedError CEPH_*. */
  async pools(): Promise<readonly Pool[]> {
    return poolNumbers(await this.command({ prefix: 'osd lspools', format: 'json' }));
  }

  /** What the pool can still take, by the cluster's own estimate. @throws CodedError POOL_NOT_FOUND, CEPH_*. */
  async usage(poolName: string): Promise<{ readonly availableBytes: number }> {
    const usage = poolUsage(await this.command({ prefix: 'df', format: 'json' }), poolName);
    if (usage !== undefined) return usage;
    if ((await this.poolByName(poolName)) === undefined) throw poolNotFound(poolName);
    throw new CodedError('CEPH_FAILED', `the cluster does not know how full the pool ${poolName} is`, {
      remedy: 'See in `ceph status` that a manager is active: it gathers these figures.',
    });
  }

  /** Sends a command as the `ceph` command does and gives its answer. @throws CodedError CEPH_*. */
  command(command: Readonly<Record<string, unknown>>, target: 'mon' | 'mgr' = 'mon'): Promise<Buffer> {
    return this.#run(() => askMonitor(this.#rados, this.#handle, command, target));
  }

  /** The objects of a pool, by its number or name. Nothing is asked before the first operation. */
  objects(pool: number | string, namespace: string): RadosObjects {
    return new PoolObjects({
      pool,
      run: (action) => this.#run(async () => action(this.#rados, await this.#pool(pool, namespace))),
    });
  }

  /** Addresses of the clients that have an image open. @throws CodedError POOL_NOT_FOUND, CEPH_*. */
  watchers(pool: number, namespace: string, image: string): Promise<readonly string[]> {
    return this.#run(async () => watchersOf(await this.#pool(pool, namespace), image));
  }

  /** Ends the connection when all that runs has ended. May be called again. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    await Promise.allSettled(this.#running);
    for (const opened of await Promise.allSettled(this.#pools.values())) {
      if (opened.status === 'fulfilled') this.#rados.rados_ioctx_destroy(opened.value);
    }
    await this.#rados.rados_shutdown(this.#handle);
  }

  async #findPool(wanted: number | string): Promise<Pool | undefined> {
    const known = await this.#run(() => poolOfMap(this.#rados, this.#handle, wanted));
    return known ?? (await this.pools()).find(({ id, name }) => id === wanted || name === wanted);
  }

  async #pool(pool: number | string, namespace: string): Promise<Pointer> {
    // Each time: a pool that is made anew has its name and another number.
    const id = typeof pool === 'number' ? pool : (await this.poolByName(pool))?.id;
    if (id === undefined) throw poolNotFound(pool);
    const key = JSON.stringify([id, namespace]);
    const opening = this.#pools.get(key) ?? this.#openPool(id, namespace);
    this.#pools.set(key, opening);
    opening.catch(() => this.#pools.delete(key));
    return opening;
  }

  async #openPool(id: number, namespace: string): Promise<Pointer> {
    if ((await this.poolById(id)) === undefined) throw poolNotFound(id);
    const made: Out<Pointer> = [null];
    const result = await this.#rados.rados_ioctx_create2(this.#handle, id, made);
    if (result === -errno.ENOENT) throw poolNotFound(id);
    if (result < 0 || made[0] === null) throw radosError(`open the pool with number ${id}`, result);
    this.#rados.rados_ioctx_set_namespace(made[0], namespace);
    // Where the cluster is full, an error at once and not a wait for the timeout.
    this.#rados.rados_set_pool_full_try(made[0]);
    return made[0];
  }

  async #run<T>(action: () => Promise<T>): Promise<T> {
    if (this.#state === 'closed') throw closed();
    const running = action();
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      // A user's capabilities are read when it connects; once mended they count for the next connection.
      if (isCoded(error, 'CEPH_BLOCKLISTED', 'CEPH_DENIED') && this.#state === 'open') this.#state = 'useless';
      throw error;
    } finally {
      this.#running.delete(running);
      this.#usedAtMs = performance.now();
    }
  }
}

function closed(): CodedError {
  return new CodedError('CEPH_UNREACHABLE', 'the connection to the cluster is closed', { remedy: 'Repeat the call.' });
}
