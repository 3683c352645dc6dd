/** The binding to librados against a real Ceph: connections, pools, and what happens when the cluster does not serve. */
import { readFileSync } from 'node:fs';
import { RadosCluster } from '../../../runtime/device/rbd/rados/cluster';
import { RadosConnections } from '../../../runtime/device/rbd/rados/connections';
import type { RadosObjects } from '../../../runtime/device/rbd/rados/objects';
import { CEPH_TOOLS, type Ceph } from '../../harness/ceph';
import { describeWith } from '../../harness/describe-with';
import { freePort } from '../../harness/ports';
import { coded, newName, RadosFixture, texts, until } from './rados-fixture';

jest.setTimeout(240_000);

describeWith(CEPH_TOOLS, 'librados', () => {
  let fixture: RadosFixture;
  let ceph: Ceph;
  let cluster: RadosCluster;
  let objects: RadosObjects;
  let poolId: number;
  let userKey: string;
  let access: RadosFixture['access'];
  beforeAll(async () => {
    fixture = await RadosFixture.start();
    ({ ceph, cluster, poolId, userKey, access } = fixture);
    objects = cluster.objects('kube', '');
  });
  afterAll(() => fixture?.stop());

  describe('connecting', () => {
    test('refuses a key that is not the one of the user, and a user that does not exist', async () => {
      const otherKey = ceph.adminKey;
      await expect(RadosCluster.connect(access('csi', otherKey))).rejects.toEqual(coded('CEPH_DENIED'));
      await expect(RadosCluster.connect(access('nobody'))).rejects.toEqual(coded('CEPH_DENIED'));
    });

    test.each(['', 'not base64 !', 'AAAA'])('refuses %j, which is no key', async (key) => {
      await expect(RadosCluster.connect(access('csi', key))).rejects.toEqual(coded('CEPH_DENIED'));
    });

    test('takes a key with a line break after it', async () => {
      const other = await RadosCluster.connect(access('csi', `${userKey}\n`));
      await other.close();
      expect(other.isUsable).toBe(false);
    });

    test('refuses when no monitor answers, within its timeout', async () => {
      const monitors = [`127.0.0.1:${await freePort()}`];
      const startedAtMs = performance.now();
      const connecting = RadosCluster.connect({ ...access(), monitors, timeouts: { connectMs: 1000 } });
      await expect(connecting).rejects.toEqual(coded('CEPH_UNREACHABLE'));
      // The default of librados is five minutes.
      expect(performance.now() - startedAtMs).toBeLessThan(120_000);
    });

    test('refuses what is asked of a closed connection', async () => {
      const other = await RadosCluster.connect(access());
      await other.close();
      await expect(other.objects('kube', '').read('x')).rejects.toEqual(coded('CEPH_UNREACHABLE'));
      await other.close();
    });

    test('the key is in no argument and in no variable of the process', async () => {
      for (const file of ['cmdline', 'environ'])
        expect(readFileSync(`/proc/self/${file}`, 'utf8')).not.toContain(userKey);
    });
  });

  describe('pools', () => {
    test('are found by number and by name, and all of them listed', async () => {
      expect(await cluster.poolByName('kube')).toEqual({ id: poolId, name: 'kube' });
      expect(await cluster.poolById(poolId)).toEqual({ id: poolId, name: 'kube' });
      expect(await cluster.pools()).toEqual([{ id: poolId, name: 'kube' }]);
    });

    test('refuses one that does not exist', async () => {
      expect(await cluster.poolByName('missing')).toBeUndefined();
      expect(await cluster.poolById(4711)).toBeUndefined();
      await expect(cluster.objects('missing', '').read('x')).rejects.toEqual(coded('POOL_NOT_FOUND'));
      await expect(cluster.objects(4711, '').omap('x')).rejects.toEqual(coded('POOL_NOT_FOUND'));
      await expect(cluster.usage('missing')).rejects.toEqual(coded('POOL_NOT_FOUND'));
    });

    test('one that is made later, removed, and made again under its name is used as it is', async () => {
      const late = cluster.objects('late', '');
      await expect(late.change('x', {})).rejects.toEqual(coded('POOL_NOT_FOUND'));
      const first = await ceph.createPool('late');
      expect(await late.change('x', { createExclusively: true })).toBe(true);
      const byNumber = cluster.objects(first, '');
      expect(await byNumber.omap('x')).toEqual(new Map());

      await ceph.ceph(['osd', 'pool', 'delete', 'late', 'late', '--yes-i-really-really-mean-it']);
      // An OSD tells the client, which goes by the map that it has until then.
      await expect(byNumber.change('y', {})).rejects.toEqual(coded('POOL_NOT_FOUND'));
      expect(await cluster.poolById(first)).toBeUndefined();
      expect(await byNumber.omap('x')).toBeUndefined();
      await expect(late.omap('x')).rejects.toEqual(coded('POOL_NOT_FOUND'));

      await ceph.createPool('late');
      expect(await late.omap('x')).toBeUndefined();
      expect(await late.change('x', { createExclusively: true })).toBe(true);
    });

    test('refuses to tell how full one is while no manager gathers it', async () => {
      await expect(cluster.usage('kube')).rejects.toEqual(coded('CEPH_FAILED'));
    });

    test('refuses a user that has no right to the pool, and serves once it has it', async () => {
      const connections = new RadosConnections();
      const key = await ceph.createUser('narrow', { mon: 'profile rbd', osd: 'profile rbd pool=other' });
      const open = async () => (await connections.get(access('narrow', key))).objects('kube', '');
      await expect((await open()).change(newName(), {})).rejects.toEqual(coded('CEPH_DENIED'));
      await ceph.ceph(['auth', 'caps', 'client.narrow', 'mon', 'profile rbd', 'osd', 'profile rbd pool=kube']);
      expect(await (await open()).change(newName(), {})).toBe(true);
      await connections.close();
    });

    test('a namespace has its own objects', async () => {
      await ceph.rbd(['namespace', 'create', 'kube/tenant']);
      const [name, tenant] = [newName(), cluster.objects(poolId, 'tenant')];
      expect(await tenant.change(name, { set: new Map([['k', 'v']]) })).toBe(true);
      expect(await objects.omap(name)).toBeUndefined();
      expect(await ceph.rados(['-p', 'kube', '-N', 'tenant', 'listomapkeys', name])).toBe('k\n');
    });
  });

  describe('connections', () => {
    test('are shared by user and key, also by those who ask at the same time', async () => {
      const connections = new RadosConnections();
      const [first, again] = await Promise.all([connections.get(access()), connections.get(access())]);
      expect(again).toBe(first);
      expect(await connections.get(access())).toBe(first);
      expect(await connections.get(access('admin', ceph.adminKey))).not.toBe(first);
      expect(connections.size).toBe(2);
      await connections.close();
      expect([first.isUsable, connections.size]).toEqual([false, 0]);
      await expect(connections.get(access())).rejects.toEqual(coded('SHUTTING_DOWN'));
    });

    test('a wrong key is refused although the right one is connected, and leaves nothing behind', async () => {
      const connections = new RadosConnections();
      await connections.get(access());
      await expect(connections.get(access('csi', ceph.adminKey))).rejects.toEqual(coded('CEPH_DENIED'));
      expect(connections.size).toBe(1);
      await connections.close();
    });

    test('close when they are idle, and not while something runs', async () => {
      const connections = new RadosConnections({ idleMs: 300 });
      const connection = await connections.get(access());
      const mine = connection.objects('kube', '');
      const name = newName();
      const endAtMs = performance.now() + 1500;
      while (performance.now() < endAtMs) {
        const current = await connections.get(access());
        await current.objects('kube', '').change(name, { set: new Map([['k', 'v']]) });
      }
      await until(() => connections.size === 0);
      await until(() => !connection.isUsable);
      await expect(mine.read(name)).rejects.toEqual(coded('CEPH_UNREACHABLE'));
      const next = await connections.get(access());
      expect(texts(await next.objects('kube', '').omap(name))).toEqual({ k: 'v' });
      await connections.close();
    });

    test('a client that the cluster has shut out is refused, and connects anew', async () => {
      const connections = new RadosConnections();
      const first = await connections.get(access());
      const name = newName();
      expect(await first.objects('kube', '').lock(name, 'keyward', 'a', 600_000)).toBe(true);
      const locked = await ceph.rados(['-p', 'kube', 'lock', 'info', name, 'keyward', '--format', 'json']);
      await ceph.ceph(['osd', 'blocklist', 'add', JSON.parse(locked).lockers[0].addr]);
      // The OSD learns of it a moment after the monitor.
      const refusal = async () => {
        for (;;) await first.objects('kube', '').change(name, { set: new Map([['k', 'v']]) });
      };
      await expect(refusal()).rejects.toEqual(coded('CEPH_BLOCKLISTED'));
      expect(first.isUsable).toBe(false);

      const second = await connections.get(access());
      expect(second).not.toBe(first);
      expect(await second.objects('kube', '').change(name, { set: new Map([['k', 'w']]) })).toBe(true);
      expect(connections.size).toBe(1);
      await connections.close();
    });
  });

  describe('outages', () => {
    // A question that nobody answers ends early, and what is answered has time, however busy this machine is.
    const patience = { connectMs: 60_000 };

    test('a monitor that is gone refuses questions in time, and serves the same connection when it is back', async () => {
      const patient = await RadosCluster.connect({ ...access(), timeouts: { ...patience, monitorMs: 1000 } });
      // A client gets its first map a moment after it is connected.
      await until(() => succeeds(patient.poolById(poolId)));
      await ceph.withoutMonitor(async () => {
        await expect(patient.pools()).rejects.toEqual(coded('CEPH_UNREACHABLE'));
        // Not in the map of the client: only a monitor knows.
        await expect(patient.poolByName('missing')).rejects.toEqual(coded('CEPH_UNREACHABLE'));
        await expect(patient.objects(4711, '').read('x')).rejects.toEqual(coded('CEPH_UNREACHABLE'));
        expect(await patient.poolById(poolId)).toEqual({ id: poolId, name: 'kube' });
        expect(await patient.objects(poolId, '').change(newName(), {})).toBe(true);
        const impatient = { ...access(), timeouts: { connectMs: 1000 } };
        await expect(RadosCluster.connect(impatient)).rejects.toEqual(coded('CEPH_UNREACHABLE'));
        expect(patient.isUsable).toBe(true);
      });
      await until(() => succeeds(patient.pools()));
      expect(await cluster.objects('kube', '').change(newName(), {})).toBe(true);
      await patient.close();
    });

    test('a manager that there is not refuses questions in time', async () => {
      const timeouts = { ...patience, monitorMs: 1000 };
      const impatient = await RadosCluster.connect({ ...access('admin', ceph.adminKey), timeouts });
      const asked = impatient.command({ prefix: 'rbd task list' }, 'mgr');
      await expect(asked).rejects.toEqual(coded('CEPH_UNREACHABLE'));
      await impatient.close();
    });

    test('an OSD that is gone refuses operations in time, many at once, while files can be read', async () => {
      const impatient = await RadosCluster.connect({ ...access(), timeouts: { ...patience, operationMs: 1000 } });
      const mine = impatient.objects(poolId, '');
      await until(() => succeeds(mine.read('x')));
      await ceph.withoutOsds(async () => {
        const outcomes = Array.from({ length: 50 }, () =>
          mine.read('x').then(
            () => 'read',
            ({ code }) => code,
          ),
        );
        expect(readFileSync(__filename, 'utf8')).not.toBe('');
        expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['CEPH_UNREACHABLE']));
      });
      await until(() => succeeds(mine.read('x')));
      await impatient.close();
    });
  });
});

function succeeds(asked: Promise<unknown>): Promise<boolean> {
  return asked.then(
    () => true,
    () => false,
  );
}
