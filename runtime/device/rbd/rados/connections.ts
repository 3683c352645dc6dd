/** The connections of the driver: one for each cluster, user and key, made when it is needed and shared by all calls. */
import { createHash } from 'node:crypto';
import { SingleFlight } from '../../../async/single-flight';
import { CodedError } from '../../../errors';
import { RadosCluster } from './cluster';
import type { ClusterAccess, RadosTimeouts } from './handle';

export interface ConnectionsOptions {
  readonly timeouts?: RadosTimeouts;
  /** After this long without an operation a connection is closed. Longer than any call takes. Default ten minutes. */
  readonly idleMs?: number;
}

export class RadosConnections {
  readonly #options: ConnectionsOptions;
  readonly #idleMs: number;
  readonly #connections = new Map<string, RadosCluster>();
  readonly #connecting = new SingleFlight<RadosCluster>();
  readonly #closing = new Set<Promise<void>>();
  readonly #sweeper: NodeJS.Timeout;
  #closed = false;

  constructor(options: ConnectionsOptions = {}) {
    this.#options = options;
    this.#idleMs = options.idleMs ?? 10 * 60_000;
    this.#sweeper = setInterval(() => this.#sweep(), Math.max(10, this.#idleMs / 4)).unref();
  }

  /** How many are open now. */
  get size(): number {
    return this.#connections.size;
  }

  /**
   * The connection for `access`. It is not to be kept beyond the call that asks; the key is not kept at all.
   * @throws CodedError TOOL_MISSING, CEPH_UNREACHABLE, CEPH_DENIED, CEPH_FAILED, SHUTTING_DOWN.
   */
  async get(access: ClusterAccess): Promise<RadosCluster> {
    if (this.#closed) throw shuttingDown();
    const key = keyOf(access);
    const present = this.#connections.get(key);
    if (present?.isUsable) return present;
    return this.#connecting.run(key, () => this.#connect(key, access));
  }

  /** Ends all connections, after what runs on them. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeper);
    for (const key of [...this.#connections.keys()]) this.#drop(key);
    await Promise.all(this.#closing);
  }

  async #connect(key: string, access: ClusterAccess): Promise<RadosCluster> {
    this.#drop(key);
    const { timeouts } = this.#options;
    const cluster = await RadosCluster.connect({ ...access, ...(timeouts && { timeouts }) });
    this.#connections.set(key, cluster);
    if (!this.#closed) return cluster;
    this.#drop(key);
    throw shuttingDown();
  }

  #sweep(): void {
    for (const [key, cluster] of this.#connections) if (cluster.idleMs >= this.#idleMs) this.#drop(key);
  }

  #drop(key: string): void {
    const cluster = this.#connections.get(key);
    if (cluster === undefined) return;
    this.#connections.delete(key);
    const closing = cluster.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

function keyOf({ monitors, userId, userKey }: ClusterAccess): string {
  const hash = userKey.use((bytes) => createHash('sha256').update(bytes).digest('hex'));
  return JSON.stringify([monitors, userId, hash]);
}

function shuttingDown(): CodedError {
  return new CodedError('SHUTTING_DOWN', 'the driver is ending', { remedy: 'Repeat the call.' });
}
