/** The fixture of the records' conformance suite on a real Ceph. Whatever is not under test goes through `rados` and `rbd`. */
import { setTimeout as pause } from 'node:timers/promises';
import { clusterPools } from '../../../runtime/device/rbd/pools';
import type { RadosCluster } from '../../../runtime/device/rbd/rados/cluster';
import type { RecordsFixture } from '../../conformance/rbd-records/records-fixture';
import type { Ceph } from '../../harness/ceph';
import { parseOmap } from '../../harness/omap-dump';

export interface CephFixtureOptions {
  readonly ceph: Ceph;
  /** Two connections, as two processes have them. */
  readonly clients: readonly [RadosCluster, RadosCluster];
  readonly namespace: string;
}

const pools = ['kube', 'other'];

export function cephFixture({ ceph, clients, namespace }: CephFixtureOptions): RecordsFixture {
  const made = new Set<string>();
  const spec = (pool: string, name: string) => (namespace === '' ? `${pool}/${name}` : `${pool}/${namespace}/${name}`);
  const rados = (pool: string, args: readonly string[], input?: string) =>
    ceph.rados(['-p', pool, '-N', namespace, ...args], input);
  const poolsOf = (cluster: RadosCluster) => {
    const all = clusterPools({ cluster, namespace });
    return { ...all, all: async () => (await all.all()).filter(({ name }) => pools.includes(name)) };
  };
  return {
    pools: poolsOf(clients[0]),
    others: poolsOf(clients[1]),
    async image(pool, name, sizeBytes) {
      const image = spec(pool, name);
      const verb = made.has(image) ? 'resize' : 'create';
      await ceph.rbd([verb, image, '--size', `${sizeBytes}B`, '--no-progress']);
      made.add(image);
    },
    async imageMadeAt(pool, name) {
      const { create_timestamp: shown } = JSON.parse(await ceph.rbd(['info', spec(pool, name), '--format', 'json']));
      return Date.parse(shown) / 1000;
    },
    async removeImage(pool, name) {
      await ceph.rbd(['rm', spec(pool, name), '--no-progress']);
    },
    async imageMetadata(pool, name) {
      return JSON.parse(await ceph.rbd(['image-meta', 'list', spec(pool, name), '--format', 'json']));
    },
    async setImageMetadata(pool, name, key, value) {
      await ceph.rbd(['image-meta', 'set', spec(pool, name), key, value]);
    },
    async omap(pool, object) {
      const shown = await rados(pool, ['listomapvals', object]).catch((error: Error) => {
        if (error.message.includes('No such file')) return undefined;
        throw error;
      });
      return shown === undefined ? undefined : parseOmap(shown);
    },
    async setOmap(pool, object, values) {
      // On standard input: a value may look like an option.
      for (const [key, value] of Object.entries(values)) await rados(pool, ['setomapval', object, key], value);
    },
    async removeObject(pool, object) {
      await rados(pool, ['rm', object]);
    },
    async renamePool(from, to) {
      await ceph.ceph(['osd', 'pool', 'rename', from, to]);
      // A client hears of it with the next map.
      for (const client of clients) while ((await client.poolByName(to)) === undefined) await pause(50);
    },
  };
}
