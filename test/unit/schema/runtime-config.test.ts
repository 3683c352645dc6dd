import fc from 'fast-check';
import { secretFile, secretOfFile } from '../../../lib/schema/names';
import { decodeRuntimeConfig, encodeRuntimeConfig } from '../../../lib/schema/runtime-config';
import { runtimeConfig } from './arbitraries';
import { issuesOf } from './issues-of';

const decode = (config: object) =>
  decodeRuntimeConfig(JSON.stringify({ backend: { type: 'loop', directory: '/var/lib/keyward' }, ...config }));

describe('the configuration of the driver', () => {
  test('R3: decode(encode(x)) is x for all configurations', () => {
    fc.assert(fc.property(runtimeConfig, (it) => expect(decodeRuntimeConfig(encodeRuntimeConfig(it))).toEqual(it)));
  });

  test('fills the defaults and freezes the result', () => {
    const config = decode({});
    expect(config).toEqual({
      driverName: 'csi.keyward.io',
      backend: { type: 'loop', directory: '/var/lib/keyward' },
      cryptsetup: { parallel: 2, timeoutSeconds: 150 },
      log: { level: 'info' },
    });
    expect(Object.isFrozen(config.cryptsetup)).toBe(true);
  });

  test.each([
    [{ cryptsetup: { paralel: 1 } }, 'cryptsetup.paralel', 'write "parallel", or remove it'],
    [{ cryptsetup: { parallel: '4' } }, 'cryptsetup.parallel', 'write the number without quotes'],
    [{ cryptsetup: { parallel: 65 } }, 'cryptsetup.parallel', 'cryptsetup processes at once'],
    [{ log: { level: 'inf' } }, 'log.level', 'write "info"'],
    [
      { driverName: 'csi.keyward.io1' },
      'driverName',
      'use at most 63 lower-case letters, digits, "-" and ".", with a letter first and last',
    ],
    [{ backend: { type: 'lvm', directory: '/x' } }, 'backend.type', 'use one of the allowed values'],
    [{ backend: { type: 'rdb' } }, 'backend.type', 'write "rbd"'],
    [{ backend: { type: 'rbd', directory: '/x' } }, 'backend.directory', 'remove it'],
    [{ backend: { type: 'rbd', instanceID: 'a' } }, 'backend.instanceID', 'write "instanceId", or remove it'],
    [{ drivername: 'x' }, 'drivername', 'write "driverName", or remove it'],
  ])('rejects %j', (config, path, remedy) => {
    expect(issuesOf(() => decode(config))).toMatchObject([{ path, remedy }]);
  });

  test.each(['relative', '/', '/a/../b', '/a/', ''])('rejects the directory %j', (directory) => {
    expect(issuesOf(() => decode({ backend: { type: 'loop', directory } }))).toMatchObject([
      { path: 'backend.directory' },
    ]);
  });

  test('R3: fills the defaults of ceph-csi for images of Ceph', () => {
    expect(decode({ backend: { type: 'rbd' } }).backend).toEqual({
      type: 'rbd',
      clustersFile: '/etc/ceph-csi-config/config.json',
      instanceId: 'default',
      setMetadata: true,
      flatten: { softDepth: 4, hardDepth: 8, snapshotsToFlatten: 250, snapshotsAtMost: 450 },
      mapTimeoutSeconds: 150,
    });
  });

  const secret = { namespace: 'rook-ceph', name: 'rook-csi-rbd-provisioner' };
  test.each([
    ['flattening later than requests wait', { flatten: { softDepth: 9 } }, 'backend.flatten.softDepth'],
    ['a chain that the kernel cannot map', { flatten: { hardDepth: 16 } }, 'backend.flatten.hardDepth'],
    [
      'thinning above the most snapshots',
      { flatten: { snapshotsToFlatten: 451 } },
      'backend.flatten.snapshotsToFlatten',
    ],
    [
      'two users of one cluster',
      { credentials: ['a', 'a'].map((clusterId) => ({ clusterId, secret })) },
      'backend.credentials',
    ],
    [
      'a cluster id too long for volume ids',
      { pools: [{ clusterId: 'c'.repeat(37), pool: 'p' }] },
      'backend.pools.0.clusterId',
    ],
    ['a relative file', { clustersFile: 'config.json' }, 'backend.clustersFile'],
    [
      'a key in the place of its Secret',
      { credentials: [{ clusterId: 'a', secret: 'AQB' }] },
      'backend.credentials.0.secret',
    ],
  ])('rejects %s', (_, backend, path) => {
    expect(issuesOf(() => decode({ backend: { type: 'rbd', ...backend } }))).toMatchObject([{ path }]);
  });

  test('rejects what is no JSON, without repeating it', () => {
    const [issue] = issuesOf(() => decodeRuntimeConfig('{"backend": canary'));
    expect(issue?.message).toContain('is not JSON text');
    expect(JSON.stringify(issue)).not.toContain('canary');
  });
});

describe('the file of a Secret', () => {
  test('can be named and recognised', () => {
    const secret = { namespace: 'keyward-system', name: 'vault-token', key: 'token' };
    expect(secretFile(secret)).toBe('/etc/keyward/secrets/keyward-system/vault-token/token');
    expect(secretOfFile(secretFile(secret))).toEqual(secret);
    expect(secretOfFile('/etc/passwd')).toBeUndefined();
    expect(secretOfFile('/etc/keyward/secrets/a/b')).toBeUndefined();
  });
});
