import { errno, poolNotFound, radosError } from '../../../../runtime/device/rbd/rados/errno';

test.each([
  ['EPERM', 'CEPH_DENIED'],
  ['EACCES', 'CEPH_DENIED'],
  ['ETIMEDOUT', 'CEPH_UNREACHABLE'],
  ['ENOSPC', 'STORAGE_FULL'],
  ['EDQUOT', 'STORAGE_FULL'],
  ['ESHUTDOWN', 'CEPH_BLOCKLISTED'],
  ['EBUSY', 'CEPH_FAILED'],
] as const)('%s is the error %s, with its name in the text', (name, code) => {
  const error = radosError('read the object x', -errno[name]);
  expect(error.code).toBe(code);
  expect(error.message).toContain('read the object x');
  expect(error.message).toContain(name);
});

test('an errno that has no meaning here is CEPH_FAILED under its own name, and one that nobody knows under its number', () => {
  expect(radosError('act', -5)).toMatchObject({ code: 'CEPH_FAILED', message: expect.stringContaining('EIO') });
  expect(radosError('act', -3999)).toMatchObject({ code: 'CEPH_FAILED', message: expect.stringContaining('3999') });
});

test.each([
  ['kube', 'kube'],
  [7, 'number 7'],
])('a missing pool %p is POOL_NOT_FOUND and named', (pool, shown) => {
  expect(poolNotFound(pool)).toMatchObject({ code: 'POOL_NOT_FOUND', message: expect.stringContaining(shown) });
});
