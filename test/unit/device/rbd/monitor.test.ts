import { poolNumbers, poolUsage } from '../../../../runtime/device/rbd/rados/monitor';

const df = Buffer.from(
  JSON.stringify({ stats: {}, pools: [{ name: 'kube', id: 1, stats: { stored: 5, max_avail: 4_024_467_456 } }] }),
);

test('what a pool can take is its max_avail', () => {
  expect(poolUsage(df, 'kube')).toEqual({ availableBytes: 4_024_467_456 });
});

test('a pool that the figures do not have is undefined', () => {
  expect(poolUsage(df, 'other')).toBeUndefined();
});

test('the pools of a cluster are read with their numbers', () => {
  const answer = Buffer.from('\n[{"poolnum":1,"poolname":"kube"},{"poolnum":3,"poolname":"data"}]\n');
  expect(poolNumbers(answer)).toEqual([
    { id: 1, name: 'kube' },
    { id: 3, name: 'data' },
  ]);
});

test.each(['', 'not JSON', 'null', '{}', '7'])('refuses the answer %j', (answer) => {
  expect(() => poolNumbers(Buffer.from(answer))).toThrow(expect.objectContaining({ code: 'CEPH_FAILED' }));
  expect(() => poolUsage(Buffer.from(answer), 'kube')).toThrow(expect.objectContaining({ code: 'CEPH_FAILED' }));
});
