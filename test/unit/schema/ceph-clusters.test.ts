import { decodeCephClusters, encodeCephClusters } from '../../../lib/schema/ceph-clusters';
import { issuesOf } from './issues-of';

// As Rook's operator writes it for a cluster of its own.
const byRook = [
  {
    clusterID: 'rook-ceph',
    monitors: ['10.96.11.92:6789', '10.96.170.97:6789'],
    cephFS: { netNamespaceFilePath: '', subvolumeGroup: '', kernelMountOptions: '' },
    rbd: { netNamespaceFilePath: '', radosNamespace: '', mirrorDaemonCount: 0 },
    nfs: { netNamespaceFilePath: '' },
    readAffinity: { enabled: false, crushLocationLabels: null },
    namespace: '',
  },
];

describe("ceph-csi's list of clusters", () => {
  test('is read as Rook writes it, with what other drivers read from it', () => {
    const [cluster] = decodeCephClusters(JSON.stringify(byRook));
    expect(cluster).toEqual({ ...byRook[0], readAffinity: { enabled: false } });
    expect(Object.isFrozen(cluster?.rbd)).toBe(true);
  });

  test('may be empty, or name a cluster whose monitors are not known yet', () => {
    expect(decodeCephClusters('[]')).toEqual([]);
    expect(decodeCephClusters('[{"clusterID":"a","monitors":[]}]')).toEqual([{ clusterID: 'a', monitors: [] }]);
  });

  test('R3: is read back as it was declared', () => {
    const declared = [
      { clusterID: 'prod-a', monitors: ['10.0.0.11:6789', '[v2:10.0.0.12:3300,v1:10.0.0.12:6789]'] },
      { clusterID: 'prod-b', monitors: ['b:3300'], rbd: { radosNamespace: 'k8s' }, cephFS: { subvolumeGroup: 'csi' } },
    ];
    expect(decodeCephClusters(encodeCephClusters(declared))).toEqual(declared);
  });

  test.each([
    ['an object', '{}', ''],
    ['a cluster without an id', '[{"monitors":["a:1"]}]', '0.clusterID'],
    ['monitors in one string', '[{"clusterID":"a","monitors":"a:1,b:1"}]', '0.monitors'],
    [
      'a number for a namespace',
      '[{"clusterID":"a","monitors":[],"rbd":{"radosNamespace":1}}]',
      '0.rbd.radosNamespace',
    ],
  ])('rejects %s', (_, text, path) => {
    expect(issuesOf(() => decodeCephClusters(text))).toMatchObject([{ path }]);
  });

  const cluster = { clusterID: 'a', monitors: ['a:6789'] };
  test.each([
    ['a cluster twice', [cluster, cluster], ''],
    ['a cluster without monitors', [{ ...cluster, monitors: [] }], '0.monitors'],
    ['a monitor with a blank', [{ ...cluster, monitors: ['a:1 b:1'] }], '0.monitors.0'],
    ['an id too long for volume ids', [{ ...cluster, clusterID: 'c'.repeat(37) }], '0.clusterID'],
  ])('refuses to write %s', (_, list, path) => {
    expect(issuesOf(() => encodeCephClusters(list))).toMatchObject([{ path }]);
  });
});
