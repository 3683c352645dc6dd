import { BoxCeph } from '../../../../tools/cluster/box-ceph';

const ceph = new BoxCeph({ folder: '/nowhere', monitorLogFile: '/nowhere/mon.log', osdLogFile: '/nowhere/osd.log' });

test.each([[['rm', '-rf', '.']], [['/usr/bin/rbd', 'ls']], [[]]])(
  'refuses %j, which is no command of Ceph',
  async (argv) => {
    await expect(ceph.run(argv)).rejects.toThrow('give one of ceph, rados, rbd');
  },
);

test('tells everything but the key', () => {
  expect(Object.keys(ceph.status).sort()).toEqual(['fsid', 'monitors', 'pool', 'user']);
  expect(ceph.status.monitors).toEqual(['10.99.0.1:6789']);
});
