import fc from 'fast-check';
import { decodeRbdMapping, decodeRbdParameters, encodeRbdParameters } from '../../../lib/schema/rbd-parameters';
import { rbdParameters } from './arbitraries';
import { issuesOf } from './issues-of';

const minimum = { clusterID: 'rook-ceph', pool: 'replicapool' };
const decode = (change: Record<string, string>) => decodeRbdParameters({ ...minimum, ...change });

describe('the parameters of RBD images', () => {
  test('R3: decode(encode(x)) is x for all parameters, and nothing is left over', () => {
    fc.assert(
      fc.property(rbdParameters, (it) => {
        const written = encodeRbdParameters(it, 'a class');
        expect(Object.values(written).every((value) => typeof value === 'string' && value !== '')).toBe(true);
        expect(decodeRbdParameters(written)).toEqual({ rbd: it, others: {} });
      }),
    );
  });

  test('leave every other key to who reads the encryption, in the order and the spelling given', () => {
    const others = { encrypted: 'true', encryptionKMSID: 'vault', encryptionKmsId: 'typo', mkfsOptions: '' };
    expect(decode({ ...others, imageFeatures: 'layering, exclusive-lock' })).toEqual({
      rbd: { clusterId: 'rook-ceph', pool: 'replicapool', imageFeatures: ['layering', 'exclusive-lock'] },
      others,
    });
  });

  test.each<[string, Record<string, string>, string]>([
    ['no cluster', { clusterID: '' }, 'clusterID'],
    ['a cluster id too long for volume ids', { clusterID: 'c'.repeat(37) }, 'clusterID'],
    ['an empty data pool', { dataPool: '' }, 'dataPool'],
    ['an empty RADOS namespace', { radosNamespace: '' }, 'radosNamespace'],
    ['an empty prefix', { volumeNamePrefix: '' }, 'volumeNamePrefix'],
    ['empty features', { imageFeatures: '' }, 'imageFeatures.0'],
    ['an unknown feature', { imageFeatures: 'layring' }, 'imageFeatures.0'],
    ['object-map alone', { imageFeatures: 'object-map' }, 'imageFeatures'],
    ['fast-diff without object-map', { imageFeatures: 'exclusive-lock,fast-diff' }, 'imageFeatures'],
    ['journaling by the kernel', { imageFeatures: 'exclusive-lock,journaling' }, 'imageFeatures'],
    ['half a striping', { stripeUnit: '4096' }, 'stripeUnit'],
    ['stripes that do not fill an object', { stripeUnit: '8192', stripeCount: '2', objectSize: '4096' }, 'stripeUnit'],
    ['an object size that is no power of two', { objectSize: '5000000' }, 'objectSize'],
    ['an object size above what RBD has', { objectSize: '67108864' }, 'objectSize'],
    ['another mounter', { mounter: 'fuse' }, 'mounter'],
    ['a boolean that Go would not read', { tryOtherMounters: 'yes' }, 'tryOtherMounters'],
    ['the prefix by another name', { imageNamePrefix: 'a-' }, 'imageNamePrefix'],
    ['pools by topology', { topologyConstrainedPools: '[]' }, 'topologyConstrainedPools'],
  ])('R18: refuse %s', (_, change, path) => {
    expect(issuesOf(() => decode(change)).map((issue) => issue.path)).toEqual([path]);
  });

  test('R18: say what to write for the name of another tool', () => {
    expect(issuesOf(() => decode({ imageNamePrefix: 'a-' }))).toMatchObject([{ remedy: 'write "volumeNamePrefix"' }]);
  });

  test('take journaling with rbd-nbd', () => {
    expect(decode({ imageFeatures: 'exclusive-lock,journaling', mounter: 'rbd-nbd' }).rbd.mounter).toBe('rbd-nbd');
  });

  test('refuse a declared class in the words of the declaration', () => {
    expect(issuesOf(() => encodeRbdParameters({ clusterId: '', pool: 'p' }, 'the class a'))).toMatchObject([
      { path: 'clusterId' },
    ]);
  });

  test('are read for the mapping from attributes that ceph-csi wrote', () => {
    const attributes = {
      ...minimum,
      topologyConstrainedPools: '[]',
      cephLogDir: '/x',
      imageName: 'csi-vol-1',
      mounter: 'rbd-nbd',
    };
    expect(decodeRbdMapping({ ...attributes, tryOtherMounters: 'T', mapOptions: 'krbd:rxbounce' })).toEqual({
      mounter: 'rbd-nbd',
      tryOtherMounters: true,
      mapOptions: 'krbd:rxbounce',
    });
    expect(decodeRbdMapping({ ...minimum, mapOptions: '', unmapOptions: '' })).toEqual({});
  });
});
