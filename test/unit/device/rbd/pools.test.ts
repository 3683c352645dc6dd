import { poolCapacity } from '../../../../runtime/device/rbd/capacity';
import { clusterPools, type PoolSource } from '../../../../runtime/device/rbd/pools';
import { MemoryObjects } from '../../../harness/memory-objects';

const named = [
  { id: 3, name: 'kube' },
  { id: 5, name: 'other' },
];
const opened: string[] = [];
const cluster: PoolSource = {
  poolById: async (id) => named.find((each) => each.id === id),
  poolByName: async (name) => named.find((each) => each.name === name),
  pools: async () => named,
  objects: (pool, namespace) => {
    opened.push(`${pool}/${namespace}`);
    return new MemoryObjects();
  },
  watchers: async (pool, namespace, image) => [`${pool}/${namespace}/${image}`],
};

test('pools are found by number and by name, in the RADOS namespace of the cluster', async () => {
  const pools = clusterPools({ cluster, namespace: 'k8s' });
  expect(await pools.byId(5)).toMatchObject({ id: 5, name: 'other' });
  expect(await pools.byName('kube')).toMatchObject({ id: 3, name: 'kube' });
  expect(opened).toEqual(['5/k8s', '3/k8s']);
  expect(await pools.byId(4)).toBeUndefined();
  expect(await pools.byName('missing')).toBeUndefined();
});

test('lists are of all pools, or of those that are named and exist', async () => {
  const names = async (listed?: readonly string[]) =>
    (await clusterPools({ cluster, namespace: '', ...(listed && { listed }) }).all()).map(({ name }) => name);
  expect(await names()).toEqual(['kube', 'other']);
  expect(await names(['other', 'not made yet'])).toEqual(['other']);
  expect(await names([])).toEqual([]);
});

test('the room for new images is that of the pool which takes their data', async () => {
  const asked: string[] = [];
  const usage = async (pool: string) => {
    asked.push(pool);
    return { availableBytes: 1234 };
  };
  const largest = { availableBytes: 1234, maximumImageBytes: 1_073_741_824_000_000 };
  expect(await poolCapacity({ usage }, 'kube')).toEqual(largest);
  expect(await poolCapacity({ usage }, 'kube', 'erasure-coded')).toEqual(largest);
  expect(asked).toEqual(['kube', 'erasure-coded']);
});
