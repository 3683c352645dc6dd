import { roomiestPoolCapacity } from '../../../../runtime/device/rbd/capacity';

const room: Readonly<Record<string, number>> = { small: 1, large: 3, middle: 2 };
const cluster = { usage: async (pool: string) => ({ availableBytes: room[pool] ?? 0 }) };

test('without a class the capacity is that of the pool with the most room, not of all: a volume lies in one', async () => {
  expect(await roomiestPoolCapacity(cluster, Object.keys(room))).toMatchObject({ availableBytes: 3 });
});

test('without a pool there is no capacity', async () => {
  expect(await roomiestPoolCapacity(cluster, [])).toEqual({ availableBytes: 0, maximumImageBytes: 0 });
});
