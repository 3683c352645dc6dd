/**
 * The scheduler where volumes are of the whole cluster: each node has what is staged on it, one is elected for the rest. The
 * volumes are files here, which any of the processes could open, as any node could map an image.
 */
import { Registry } from 'prom-client';
import type { BackEnd, ImageRef } from '../../runtime/device/back-end';
import { loopBackEnds } from '../../runtime/device/loop/loop-back-ends';
import { type ScheduleMetrics, scheduleMetrics } from '../../runtime/rotation/schedule/metrics';
import { type Rotation, startRotation } from '../../runtime/rotation/schedule/start';
import { StageRecords } from '../../runtime/volume/stage-record';
import { Verifications } from '../../runtime/volume/verifications';
import { describeWith } from '../harness/describe-with';
import { driverName, everySecond, ScheduleFixture, scheduled } from './rotation-schedule-fixture';

jest.setTimeout(400_000);

describeWith(['openbao', 'cryptsetup', 'etcd', 'kube-apiserver'], 'rotation of volumes of a cluster', () => {
  const at = new ScheduleFixture();
  const running: Rotation[] = [];
  const ids: Record<string, string> = {};
  beforeAll(async () => {
    await at.start();
    await at.namespace('shop');
    for (const name of ['on-a', 'on-b', 'idle']) {
      // A volume that somebody made by hand has a name of its own.
      const more = name === 'on-b' ? { pvName: 'made-by-hand' } : {};
      ids[name] = await at.claim(name, { namespace: 'shop', annotations: scheduled('@every 1s'), ...more });
    }
  });
  afterAll(async () => {
    for (const each of running) await each.close();
    await at.stop();
  });

  /** What a cluster knows and files do not: who has an image open. */
  function asOfCluster(backEnd: BackEnd): BackEnd {
    const usedBy = async ({ id }: ImageRef) => (id === ids.idle ? undefined : '192.0.2.1:0');
    const images = new Proxy(backEnd.images, {
      get: (target, name) => {
        const value: unknown = name === 'usedBy' ? usedBy : Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    return { ...backEnd, reach: 'cluster', images };
  }

  /** One process on a node. @returns its metrics as text */
  async function node(nodeId: string, staged?: string): Promise<() => Promise<string>> {
    const deps = await at.volumes.parts();
    const state = `${at.volumes.folder}/${nodeId}`;
    const shared = { ...deps, stages: new StageRecords(state), verifications: new Verifications(state) };
    if (staged !== undefined) {
      const volume = await deps.backEnd.volumes.get(staged);
      const as = { stagingPath: `/staging/${staged}`, accessType: 'mount', readOnly: false } as const;
      if (volume) await shared.stages.put({ version: 1, volumeId: staged, ...as, mountFlags: [], volume });
    }
    const registry = new Registry();
    const metrics: ScheduleMetrics = scheduleMetrics(registry);
    const csi = { shared, backEnds: { ...loopBackEnds(asOfCluster(deps.backEnd)), reach: 'cluster' as const } };
    running.push(
      startRotation(
        { csi, secrets: async () => ({}), metrics, driverName, nodeId },
        at.rotationOptions({ verifySchedule: everySecond }),
      ),
    );
    return () => registry.metrics();
  }

  test('each node rotates and proves what it has staged, and one of them what no node has', async () => {
    const nodes = [await node('node-a', ids['on-a']), await node('node-b', ids['on-b'])];
    const hosts: Record<string, readonly string[]> = {};
    for (const [name, id] of Object.entries(ids)) {
      await at.untilRotated(id);
      await at.untilCondition('shop', name, { type: 'keyward.io/KeyVerified', status: 'True' });
      await at.untilEvent('shop', name, 'KeyRotated');
      hosts[name] = [...new Set((await at.events('shop', name)).map(({ source }) => source.host))];
    }
    const leads = await Promise.all(
      nodes.map(async (metrics) => (await metrics()).includes('leader{scope="cluster"} 1')),
    );
    expect(leads.filter(Boolean)).toHaveLength(1);
    expect(hosts).toEqual({ 'on-a': ['node-a'], 'on-b': ['node-b'], idle: [leads[0] ? 'node-a' : 'node-b'] });
    for (const metrics of nodes) {
      expect(await metrics()).toContain('keyward_rotation_leader{scope="node"} 1');
      expect(await metrics()).toContain('keyward_rotation_claims{scope="node",state="scheduled"} 1');
    }
    const leader = nodes[leads.indexOf(true)];
    // What it has staged itself is not among them; what another has staged turns out when it is looked at.
    expect(await leader?.()).toContain('keyward_rotation_claims{scope="cluster",state="scheduled"} 2');
  });

  test('another is elected when the elected one ends, and goes on with what no node has', async () => {
    const nodes = await at.until('nobody holds the lease of the cluster', async () => {
      const { holderIdentity } = (await at.lease(`${driverName}-rotation`)).spec;
      return holderIdentity === '' ? undefined : [holderIdentity.split('_')[0] === 'node-a' ? 0 : 1];
    });
    await running[nodes[0] ?? 0]?.close();
    const last = await at.rotatedAt(ids.idle ?? '');
    await at.untilRotated(ids.idle ?? '', last);
  });

  test('proofs and rotations of the same volumes at the same time fail none of them', async () => {
    for (const name of Object.keys(ids)) {
      const reasons = (await at.events('shop', name)).map(({ reason }) => reason);
      expect([name, reasons.filter((reason) => reason.endsWith('Failed'))]).toEqual([name, []]);
    }
  });
});
