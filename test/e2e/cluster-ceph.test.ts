/** Ceph of the cluster in a box, without nodes: what it lets whom do, and what it keeps over the ends of its programs. */
import { bootLimitMs, ClusterBox, cephBoxComponents } from '../harness/cluster-box';
import { describeWithGuest } from '../harness/describe-with-guest';

jest.setTimeout(bootLimitMs);

describeWithGuest(cephBoxComponents, 'Ceph of the cluster in a box', () => {
  let cluster: ClusterBox;
  beforeAll(async () => {
    cluster = await ClusterBox.start({ nodes: 0, ceph: true });
  });
  afterAll(() => cluster?.stop());

  test('has images, which are there when its programs were ended and started again', async () => {
    const { ceph } = cluster;
    await ceph.rbd(['create', '--size', '8', `${ceph.pool}/kept`]);
    for (const name of ['ceph-osd', 'ceph-mon']) await cluster.halt(name);
    for (const name of ['ceph-mon', 'ceph-osd']) await cluster.resume(name);
    expect(await ceph.rbd(['ls', ceph.pool])).toBe('kept\n');
  });

  test('lets its user into the pool, with the key that is told apart from the status, and nowhere else', async () => {
    const { ceph } = cluster;
    const capabilities = await ceph.ceph(['auth', 'get', `client.${ceph.user}`]);
    expect(capabilities).toContain(`key = ${ceph.userKey}\n`);
    expect(capabilities).toContain(`caps osd = "profile rbd pool=${ceph.pool}"`);
    expect(ceph.userKey).not.toBe('');
    expect(JSON.stringify(cluster.status)).not.toContain(ceph.userKey);
  });
});
