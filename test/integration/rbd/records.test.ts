/** Objects, records and ceph-csi's journal on a real Ceph: the same suites as in memory, looked at with `rados` and `rbd`. */
import { RadosCluster } from '../../../runtime/device/rbd/rados/cluster';
import { Secret } from '../../../runtime/secret';
import { describeRadosObjects } from '../../conformance/rados-objects/rados-objects-conformance';
import { describeForeignRecords } from '../../conformance/rbd-records/foreign-conformance';
import { describeRecordStore } from '../../conformance/rbd-records/record-store-conformance';
import { describeRecords } from '../../conformance/rbd-records/records-conformance';
import { CEPH_TOOLS, type Ceph, startCeph } from '../../harness/ceph';
import { describeWith } from '../../harness/describe-with';
import { cephFixture } from './ceph-fixture';

jest.setTimeout(240_000);

describeWith(CEPH_TOOLS, 'on a real Ceph', () => {
  let ceph: Ceph;
  let clients: readonly [RadosCluster, RadosCluster];

  beforeAll(async () => {
    ceph = await startCeph();
    for (const pool of ['kube', 'other']) {
      await ceph.createPool(pool);
      await ceph.rbd(['namespace', 'create', `${pool}/k8s`]);
    }
    const userKey = Secret.fromText(await ceph.createUser('csi'));
    const connect = () => RadosCluster.connect({ monitors: ceph.monitors, userId: 'csi', userKey });
    clients = [await connect(), await connect()];
  });
  afterAll(async () => {
    for (const client of clients ?? []) await client.close();
    await ceph?.stop();
  });

  describeRadosObjects('as two clients see them', async () => ({
    objects: clients[0].objects('kube', ''),
    others: clients[1].objects('kube', ''),
    write: async (object, data) => {
      await ceph.rados(['-p', 'kube', 'put', object, '-'], data);
    },
  }));
  describeRecords('in a RADOS namespace', async () => cephFixture({ ceph, clients, namespace: 'k8s' }));
  describeRecordStore('in a RADOS namespace', async () => cephFixture({ ceph, clients, namespace: 'k8s' }));
  describeForeignRecords('in no RADOS namespace', async () => cephFixture({ ceph, clients, namespace: '' }));
});
