/**
 * `cdk8s synth` of stacks/gitops with volumes that are images of Ceph, on an empty cluster with a real kubelet, csi-attacher and a
 * real Ceph: controllers elect one of them, the node maps through its kernel, and Pods write on what only a tenant's key opens.
 */
import { bootLimitMs, cephBoxComponents } from '../harness/cluster-box';
import { cephDriverImageComponents } from '../harness/driver-images';
import { describeLong } from '../harness/long-test';
import { claim, writer } from '../harness/volume-objects';
import { nothingInCeph, nothingMapped, RbdScene } from './rbd-scene';
import { deleteEverything, journal, ledger, lifeTests, marker, powerCutTest, writeTests } from './storage-life';

jest.setTimeout(bootLimitMs);

const components = [...cephBoxComponents, ...cephDriverImageComponents];

describeLong(components, 'stacks/gitops with volumes in Ceph on a cluster with a kubelet', () => {
  let scene: RbdScene;
  beforeAll(async () => {
    scene = await RbdScene.start();
  });
  afterAll(() => scene?.cluster.stop());

  test('R18, R20: applied in the emitted order, OpenBao is made ready, the node registers itself and controllers elect one', async () => {
    await scene.applyStack();
    expect(await scene.controllerPods()).toHaveLength(2);
    await scene.leaders();
  });

  writeTests(() => scene);

  test('each volume is attached to the node once, and mapped there by the kernel', async () => {
    const volumes = await Promise.all([ledger, journal].map((pod) => scene.boundVolume(pod)));
    expect(await scene.attached()).toEqual(volumes.map(({ name }) => `${name} at node-1`).sort());
    const { images, mappings } = await scene.leftMapped();
    expect(images.split('\n')).toHaveLength(2);
    for (const { handle } of volumes) expect(mappings).toContain(handle);
  });

  test('Ceph holds ciphertext only', async () => {
    const { ceph } = scene.cluster;
    expect(scene.isStored('LUKS')).toBe(true);
    expect(scene.isStored(marker)).toBe(false);
    // And this way it would have been found.
    await ceph.rados(['-p', ceph.pool, 'put', 'plain', '-'], marker);
    expect(scene.isStored(marker)).toBe(true);
    await ceph.rados(['-p', ceph.pool, 'rm', 'plain']);
  });

  lifeTests(() => scene);

  test('volumes are made when the controllers that led have ended', async () => {
    const leaders = await scene.leaders();
    for (const pod of new Set(Object.values(leaders))) await scene.deleteController(pod);
    const late = { namespace: 'billing', name: 'late' };
    await scene.cluster.apply([claim({ ...late, storageClass: 'encrypted-tenant' })]);
    await scene.boundVolume(late);
    for (const [lease, leader] of Object.entries(await scene.leaders())) expect(leader).not.toBe(leaders[lease]);
  });

  test('refuses a Pod while another node has its image open, says so in its events, and starts it when that node is dead', async () => {
    const { cluster } = scene;
    await cluster.objects.deletePod(journal.namespace, journal.name);
    await scene.untilDetached(journal);
    await scene.openElsewhere(journal);
    await cluster.apply([writer({ ...journal, claimName: journal.name })]);
    await cluster.objects.untilEvent(journal.namespace, journal.name, /FailedMount: .*VOLUME_IN_USE: .+\. .+/);
    await cluster.halt('other-node');
    await cluster.objects.untilPodReady(journal.namespace, journal.name);
  });

  test('refuses a Pod while Ceph does not answer, says so in its events, and starts it when Ceph is back', async () => {
    const { cluster } = scene;
    await cluster.objects.deletePod(journal.namespace, journal.name);
    await scene.untilDetached(journal);
    await cluster.halt('ceph-mon');
    await cluster.apply([writer({ ...journal, claimName: journal.name })]);
    await cluster.objects.untilEvent(journal.namespace, journal.name, /FailedMount: .*CEPH_UNREACHABLE: .+\. .+/);
    await cluster.resume('ceph-mon');
    await cluster.objects.untilPodReady(journal.namespace, journal.name);
  });

  powerCutTest(() => scene);

  test('R17: deletion leaves no image, no key and no mapping', async () => {
    await deleteEverything(scene, 'billing');
    expect((await scene.cluster.openBao.request('LIST', 'tenants/metadata/')).status).toBe(404);
    expect(await scene.leftInCephAtLast()).toEqual(nothingInCeph);
    expect(await scene.leftMapped()).toEqual(nothingMapped);
    expect(await scene.attached()).toEqual([]);
  });
});
