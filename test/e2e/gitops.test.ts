/**
 * `cdk8s synth` of stacks/gitops on an empty cluster with a real kubelet: applied in the emitted order, the Job makes OpenBao ready,
 * the DaemonSet registers itself, and Pods of two tenants write on volumes that only the key of each opens.
 */
import { namespace } from '../../stacks/gitops/values';
import { bootLimitMs, boxComponents } from '../harness/cluster-box';
import { driverImageComponents } from '../harness/driver-images';
import { describeLong } from '../harness/long-test';
import { claim, snapshotOf } from '../harness/volume-objects';
import { GitopsScene } from './gitops-scene';
import { troubleTests } from './gitops-trouble';
import { nothingLeft } from './storage-scene';

jest.setTimeout(bootLimitMs);

const marker = 'a line of plain text that no disk may hold';
const billing = 'billing';
const ledger = { namespace: billing, name: 'ledger' };
const journal = { namespace: billing, name: 'journal' };

describeLong([...boxComponents, ...driverImageComponents], 'stacks/gitops on a cluster with a kubelet', () => {
  let scene: GitopsScene;
  beforeAll(async () => {
    scene = await GitopsScene.start();
  });
  afterAll(() => scene?.cluster.stop());

  const start = (pod: typeof ledger) => scene.startWriter(pod);
  const restart = (pod: typeof ledger) => scene.restartWriter(pod);
  const readMarker = (pod: typeof ledger) => scene.inWriter(pod, 'cat /data/marker');
  const ticks = async (pod: typeof ledger) => Number(await scene.inWriter(pod, 'wc -l < /data/ticks'));
  const untilMoreTicks = async (pod: typeof ledger) => {
    const before = await ticks(pod);
    while ((await ticks(pod)) <= before);
  };

  test('R18, R20: applied in the emitted order, the Job makes OpenBao ready and the driver registers itself', async () => {
    await scene.applyStack();
  });

  test('R14: claims and Pods of a tenant write, with a key of the tenant and with a wrapped one', async () => {
    const { cluster } = scene;
    await cluster.apply([
      claim({ ...ledger, storageClass: 'encrypted-tenant' }),
      claim({ ...journal, storageClass: 'encrypted' }),
    ]);
    await Promise.all([start(ledger), start(journal)]);
    for (const pod of [ledger, journal]) await scene.inWriter(pod, `echo '${marker}' > /data/marker && sync`);
    const { handle } = await scene.boundVolume(ledger);
    expect((await cluster.openBao.request('GET', `tenants/data/billing/${handle}`)).status).toBe(200);
  });

  test('the backing store holds ciphertext only', async () => {
    const found = (folder: string) => scene.onNode('grep', '-rlaF', marker, folder);
    expect(await found('/var/lib/keyward')).toBe('');
    // And this way it would have been found.
    expect((await found('/var/lib/kubelet/plugins/kubernetes.io')).split('\n')).toHaveLength(2);
    const luks = await scene.onNode('sh', '-c', 'grep -rlaF LUKS /var/lib/keyward | wc -l');
    expect(Number(luks)).toBeGreaterThanOrEqual(2);
  });

  test('the data is there after a restart of the Pod', async () => {
    await Promise.all([ledger, journal].map(restart));
    for (const pod of [ledger, journal]) expect(await readMarker(pod)).toBe(marker);
  });

  test('Pods write on while the driver is replaced, and new ones start afterwards', async () => {
    const { name } = await scene.driverPod();
    await scene.cluster.objects.deletePod(namespace, name, 30);
    await untilMoreTicks(ledger);
    await scene.untilDriverReady();
    await restart(ledger);
    expect(await readMarker(ledger)).toBe(marker);
  });

  test('the data is there after a restart of OpenBao', async () => {
    await scene.cluster.restartOpenBao();
    await restart(ledger);
    expect(await readMarker(ledger)).toBe(marker);
  });

  test('R16: a volume grows while its Pod writes', async () => {
    const path = `/api/v1/namespaces/billing/persistentvolumeclaims/${ledger.name}`;
    const blocks = () => scene.inWriter(ledger, `df -kP /data | awk 'END { print $2 }'`).catch(() => '0');
    const patch = { spec: { resources: { requests: { storage: '128Mi' } } } };
    await scene.cluster.api.expectOk('PATCH', path, patch, { contentType: 'application/merge-patch+json' });
    await scene.cluster.objects.untilFound(path, ({ status }) => status.capacity.storage === '128Mi');
    expect(Number(await blocks())).toBeGreaterThan(90_000);
    await untilMoreTicks(ledger);
  });

  test('R13: a snapshot is restored with a key of its own', async () => {
    const { objects } = scene.cluster;
    const restored = { namespace: billing, name: 'restored' };
    await scene.cluster.apply([snapshotOf({ namespace: billing, name: 'evening', claimName: ledger.name })]);
    const path = '/apis/snapshot.storage.k8s.io/v1/namespaces/billing/volumesnapshots/evening';
    await objects.untilFound(path, ({ status }) => status?.readyToUse === true);
    const options = { storageClass: 'encrypted-tenant', size: '128Mi', snapshot: 'evening' };
    await scene.cluster.apply([claim({ ...restored, ...options })]);
    await start(restored);
    expect(await readMarker(restored)).toBe(marker);
    const { handle } = await scene.boundVolume(restored);
    expect((await scene.cluster.openBao.request('GET', `tenants/data/billing/${handle}`)).status).toBe(200);
  });

  test('R2: the key of a volume is rotated while its Pod writes, and the new one opens it', async () => {
    const { handle } = await scene.boundVolume(ledger);
    const version = async () =>
      (await scene.cluster.openBao.expectOk('GET', `tenants/data/billing/${handle}`)).body.data.data;
    const before = JSON.stringify(await version());
    const done = await scene.execute(await scene.driverPod(), 'keyward', ['keyward', 'rotate', handle]);
    expect([done.exitCode, done.stderr]).toEqual([0, expect.any(String)]);
    expect(JSON.stringify(await version())).not.toBe(before);
    await untilMoreTicks(ledger);
    await restart(ledger);
    expect(await readMarker(ledger)).toBe(marker);
  });

  troubleTests(() => scene);

  test('the data is there after a power cut of the node', async () => {
    await scene.cluster.rebootNode();
    await scene.untilRestarted([ledger, journal]);
    for (const pod of [ledger, journal]) expect(await readMarker(pod)).toBe(marker);
  });

  test('R17: deletion leaves no image, no key and no mapping', async () => {
    const { api, objects, openBao } = scene.cluster;
    for (const owner of [billing, 'shop']) {
      for (const name of await objects.podNames(owner, '')) await objects.deletePod(owner, name);
      await api.expectOk('DELETE', `/apis/snapshot.storage.k8s.io/v1/namespaces/${owner}/volumesnapshots`);
      await api.expectOk('DELETE', `/api/v1/namespaces/${owner}/persistentvolumeclaims`);
    }
    for (const path of ['/api/v1/persistentvolumes', '/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents'])
      await objects.untilFound(path, ({ items }) => items.length === 0);
    expect((await openBao.request('LIST', 'tenants/metadata/')).status).toBe(404);
    expect(await scene.leftOnNode()).toEqual(nothingLeft);
  });
});
