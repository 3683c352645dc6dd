import { cephConfig, monitorAddress } from '../../../../tools/ceph/ceph-config';

const config = { folder: '/box/ceph', fsid: 'f', address: '10.99.0.1', store: 'bluestore', sizeBytes: 4096 } as const;

test('has the monitor speak both protocols, each on the port where clients expect it', () => {
  expect(monitorAddress(config)).toBe('[v2:10.99.0.1:3300,v1:10.99.0.1:6789]');
});

test('lets nobody in without a key', () => {
  for (const who of ['cluster', 'service', 'client'])
    expect(cephConfig(config)).toContain(`\nauth_${who}_required = cephx\n`);
});

test('keeps every file in the folder', () => {
  const paths = cephConfig(config).match(/\/\S+/g) ?? [];
  expect(paths.length).toBeGreaterThan(3);
  for (const path of paths) expect(path).toMatch(/^\/box\/ceph(\/|$)/);
});
