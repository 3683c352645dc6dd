/** Two pools in memory. Their images are what the header objects of RBD say. */
import { randomUUID } from 'node:crypto';
import type { PoolHandle, Pools } from '../../../runtime/device/rbd/pools';
import { MemoryObjects } from '../../harness/memory-objects';
import type { RecordsFixture } from './records-fixture';

/** When all images were made, in seconds. */
const madeAt = Date.UTC(2026, 0, 2) / 1000;

export interface MemoryFixture extends RecordsFixture {
  /** Objects of the pool `kube`, as the first client has them. */
  readonly objects: MemoryObjects;
}

export function memoryFixture(): MemoryFixture {
  const kube: PoolHandle & { objects: MemoryObjects } = {
    id: 7,
    name: 'kube',
    objects: new MemoryObjects(),
    watchers: async () => [],
  };
  const other = { id: 11, name: 'other', objects: new MemoryObjects() };
  const names = new Map([kube, other].map(({ id, name }) => [id, name]));
  const poolsOf = (pools: readonly { id: number; objects: MemoryObjects }[]): Pools => {
    const all = () =>
      pools.map(
        ({ id, objects }): PoolHandle => ({ id, name: names.get(id) ?? '', objects, watchers: async () => [] }),
      );
    return {
      byId: async (id) => all().find((each) => each.id === id),
      byName: async (name) => all().find((each) => each.name === name),
      all: async () => all(),
      reachMonitor: async () => undefined,
    };
  };
  const second = [kube, other].map(({ id, objects }) => ({ id, objects: new MemoryObjects(objects) }));
  const objectsOf = (pool: string) => {
    const found = [kube, other].find(({ id }) => names.get(id) === pool);
    if (!found) throw new Error(`there is no pool ${pool}`);
    return found.objects;
  };
  const header = (pool: string, name: string) => {
    const id = objectsOf(pool).stored.get(`rbd_id.${name}`)?.data.subarray(4).toString();
    const found = objectsOf(pool).stored.get(`rbd_header.${id}`);
    if (!found) throw new Error(`there is no image ${pool}/${name}`);
    return found.omap;
  };
  return {
    objects: kube.objects,
    pools: poolsOf([kube, other]),
    others: poolsOf(second),
    async image(pool, name, sizeBytes) {
      const objects = objectsOf(pool);
      if (!objects.stored.has(`rbd_id.${name}`)) {
        const id = Buffer.from(randomUUID().slice(0, 8));
        objects.write(`rbd_id.${name}`, Buffer.concat([Buffer.from([id.length, 0, 0, 0]), id]));
        objects.write(`rbd_header.${id}`, Buffer.alloc(0));
        header(pool, name).set('create_timestamp', Buffer.from(Uint32Array.of(madeAt, 678_000_000).buffer));
        header(pool, name).set('features', Buffer.from(BigUint64Array.of(61n).buffer));
      }
      header(pool, name).set('size', Buffer.from(BigUint64Array.of(BigInt(sizeBytes)).buffer));
    },
    imageMadeAt: async () => madeAt,
    async removeImage(pool, name) {
      const id = objectsOf(pool).stored.get(`rbd_id.${name}`)?.data.subarray(4).toString();
      objectsOf(pool).stored.delete(`rbd_header.${id}`);
      objectsOf(pool).stored.delete(`rbd_id.${name}`);
    },
    async imageMetadata(pool, name) {
      const entries = [...header(pool, name)].filter(([key]) => key.startsWith('metadata_'));
      return Object.fromEntries(entries.map(([key, value]) => [key.slice('metadata_'.length), value.toString()]));
    },
    async setImageMetadata(pool, name, key, value) {
      header(pool, name).set(`metadata_${key}`, Buffer.from(value));
    },
    async omap(pool, object) {
      const found = objectsOf(pool).stored.get(object);
      return found && Object.fromEntries([...found.omap].map(([key, value]) => [key, value.toString()]));
    },
    async setOmap(pool, object, values) {
      const objects = objectsOf(pool);
      if (!objects.stored.has(object)) objects.write(object, Buffer.alloc(0));
      const { omap } = objects.stored.get(object) ?? { omap: new Map<string, Buffer>() };
      for (const [key, value] of Object.entries(values)) omap.set(key, Buffer.from(value));
    },
    async removeObject(pool, object) {
      objectsOf(pool).stored.delete(object);
    },
    async renamePool(from, to) {
      const [id] = [...names].find(([, name]) => name === from) ?? [];
      if (id !== undefined) names.set(id, to);
    },
  };
}
