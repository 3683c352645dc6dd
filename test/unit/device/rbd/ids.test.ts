import fc from 'fast-check';
import { decodeId, decodePoolId, encodeId, encodePoolId } from '../../../../runtime/device/rbd/ids';

const uuid = '3b0c9a4e-6b0f-4d0a-9c8e-0f2d5a7b1c3d';
const example = `0001-0006-prod-a-0000000000000007-${uuid}`;

test('writes and reads the ids of ceph-csi', () => {
  expect(encodeId({ clusterId: 'prod-a', poolId: 7, uuid })).toBe(example);
  expect(decodeId(example)).toEqual({ clusterId: 'prod-a', poolId: 7, uuid });
  expect(encodeId({ clusterId: 'b_1', poolId: 0x1f2e, uuid })).toBe(`0001-0003-b_1-0000000000001f2e-${uuid}`);
});

test('reads a cluster id that looks like the rest of an id', () => {
  const clusterId = `0001-0000000000000007-${uuid}`;
  expect(decodeId(encodeId({ clusterId, poolId: 9, uuid }))).toEqual({ clusterId, poolId: 9, uuid });
});

const clusterIds = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const uuids = fc.uuid().map((each) => each.toLowerCase());

test('every cluster, pool and UUID comes back as it was, in at most 128 characters', () => {
  fc.assert(
    fc.property(clusterIds, fc.maxSafeNat(), uuids, (clusterId, poolId, uuid) => {
      const id = encodeId({ clusterId, poolId, uuid });
      expect(id.length).toBeLessThanOrEqual(128);
      expect(decodeId(id)).toEqual({ clusterId, poolId, uuid });
      expect(decodePoolId(encodePoolId(poolId))).toBe(poolId);
    }),
  );
});

const nearIds = fc
  .tuple(fc.nat({ max: example.length - 1 }), fc.nat({ max: 3 }), fc.string({ unit: 'binary', maxLength: 3 }))
  .map(([at, length, put]) => example.slice(0, at) + put + example.slice(at + length));

test('refuses whatever is not an id in its one spelling: no dots, no separators, no capitals', () => {
  fc.assert(
    fc.property(fc.oneof(nearIds, fc.string({ unit: 'binary' }), fc.string()), (text) => {
      const parts = decodeId(text);
      if (!parts) return;
      expect(text).toMatch(/^[0-9a-zA-Z_-]+$/);
      expect(encodeId(parts)).toBe(text);
    }),
    { numRuns: 5_000 },
  );
});

test.each([
  '',
  '..',
  'csi-vol-1',
  `0001-0006-prod-b-0000000000000007-${uuid}/..`,
  `0001-0006-../../-0000000000000007-${uuid}`,
  `0001-0006-pr/d-a-0000000000000007-${uuid}`,
  `0001-0006-pr\\d-a-0000000000000007-${uuid}`,
  `0001-0006-pr..-a-0000000000000007-${uuid}`,
  `0001-0006-prod-a-0000000000000007-../../../../../../../../etc/passwd00`,
  `0001-0007-prod-a-0000000000000007-${uuid}`,
  `0002-0006-prod-a-0000000000000007-${uuid}`,
  `0001-0000--0000000000000007-${uuid}`,
  `0001-0006-prod-a-ffffffffffffffff-${uuid}`,
  `0001-0006-prod-a-000000000000000A-${uuid}`,
  `0001-0006-prod-a-0000000000000007-${uuid.toUpperCase()}`,
  `0001-0006-prod-a-0000000000000007-${uuid}\n`,
  `0001-0041-${'a'.repeat(65)}-0000000000000007-${uuid}`,
  'mig_mons-b7f67366bb43f32e07d8a261a7840da9_image-e0b45b52-7e09-47d3-8f1b-806995fa4412_706f6f6c',
])('refuses %j', (text) => {
  expect(decodeId(text)).toBeUndefined();
});

test.each(['', 'a/b', '..', 'a.b', 'ü', 'a'.repeat(65)])('refuses to make an id of cluster %j', (clusterId) => {
  expect(() => encodeId({ clusterId, poolId: 7, uuid })).toThrowWithCode('REQUEST_INVALID');
});
