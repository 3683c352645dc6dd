/** What the volumes of a tenant live through, wherever their ciphertext is: tests that every stack passes in this order. */
import { namespace } from '../../stacks/gitops/values';
import { claim, snapshotOf } from '../harness/volume-objects';
import type { ObjectRef, StorageScene } from './storage-scene';

const billing = 'billing';

/** Pods on the claims of their names. The class of the first has a key of the tenant, that of the second a wrapped one. */
export const ledger = { namespace: billing, name: 'ledger' };
export const journal = { namespace: billing, name: 'journal' };

/** What each of them holds. */
export const marker = 'a line of plain text that no disk may hold';

/** Makes both Pods, with the marker on their volumes. */
export function writeTests(scene: () => StorageScene): void {
  test('R14: claims and Pods of a tenant write, with a key of the tenant and with a wrapped one', async () => {
    const { cluster } = scene();
    await cluster.apply([
      claim({ ...ledger, storageClass: 'encrypted-tenant' }),
      claim({ ...journal, storageClass: 'encrypted' }),
    ]);
    await Promise.all([ledger, journal].map((pod) => scene().startWriter(pod)));
    for (const pod of [ledger, journal]) await scene().inWriter(pod, `echo '${marker}' > /data/marker && sync`);
    expect(await statusOfKey(scene(), ledger)).toBe(200);
  });
}

/** Restarts, growth, a copy and a new key, while the Pods write. */
export function lifeTests(scene: () => StorageScene): void {
  test('the data is there after a restart of the Pod', async () => {
    await Promise.all([ledger, journal].map((pod) => scene().restartWriter(pod)));
    for (const pod of [ledger, journal]) expect(await readMarker(scene(), pod)).toBe(marker);
  });

  test('Pods write on while the driver is replaced, and new ones start afterwards', async () => {
    const { name } = await scene().driverPod();
    await scene().cluster.objects.deletePod(namespace, name, 30);
    await untilMoreTicks(scene(), ledger);
    await scene().untilDriverReady();
    await scene().restartWriter(ledger);
    expect(await readMarker(scene(), ledger)).toBe(marker);
  });

  test('the data is there after a restart of OpenBao', async () => {
    await scene().cluster.restartOpenBao();
    await scene().restartWriter(ledger);
    expect(await readMarker(scene(), ledger)).toBe(marker);
  });

  test('R16: a volume grows while its Pod writes', async () => {
    const { api, objects } = scene().cluster;
    const path = `/api/v1/namespaces/${billing}/persistentvolumeclaims/${ledger.name}`;
    const patch = { spec: { resources: { requests: { storage: '128Mi' } } } };
    await api.expectOk('PATCH', path, patch, { contentType: 'application/merge-patch+json' });
    await objects.untilFound(path, ({ status }) => status.capacity.storage === '128Mi');
    expect(Number(await scene().inWriter(ledger, `df -kP /data | awk 'END { print $2 }'`))).toBeGreaterThan(90_000);
    await untilMoreTicks(scene(), ledger);
  });

  test('R13: a snapshot is restored with a key of its own', async () => {
    const { cluster } = scene();
    const restored = { namespace: billing, name: 'restored' };
    await cluster.apply([snapshotOf({ namespace: billing, name: 'evening', claimName: ledger.name })]);
    const path = `/apis/snapshot.storage.k8s.io/v1/namespaces/${billing}/volumesnapshots/evening`;
    await cluster.objects.untilFound(path, ({ status }) => status?.readyToUse === true);
    const options = { storageClass: 'encrypted-tenant', size: '128Mi', snapshot: 'evening' };
    await cluster.apply([claim({ ...restored, ...options })]);
    await scene().startWriter(restored);
    expect(await readMarker(scene(), restored)).toBe(marker);
    expect(await statusOfKey(scene(), restored)).toBe(200);
  });

  test('R2: the key of a volume is rotated while its Pod writes, and the new one opens it', async () => {
    const { handle } = await scene().boundVolume(ledger);
    const key = async () =>
      JSON.stringify((await scene().cluster.openBao.expectOk('GET', `tenants/data/billing/${handle}`)).body.data.data);
    const before = await key();
    const done = await scene().execute(await scene().driverPod(), 'keyward', ['keyward', 'rotate', handle]);
    expect(done).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('1 rotated') });
    expect(await key()).not.toBe(before);
    await untilMoreTicks(scene(), ledger);
    await scene().restartWriter(ledger);
    expect(await readMarker(scene(), ledger)).toBe(marker);
  });
}

/** The power cut of the node. */
export function powerCutTest(scene: () => StorageScene): void {
  test('the data is there after a power cut of the node', async () => {
    await scene().cluster.rebootNode();
    await scene().untilRestarted([ledger, journal]);
    for (const pod of [ledger, journal]) expect(await readMarker(scene(), pod)).toBe(marker);
  });
}

/** Deletes what tenants have, and resolves when no volume and no snapshot is left in Kubernetes. */
export async function deleteEverything({ cluster }: StorageScene, ...owners: readonly string[]): Promise<void> {
  const { api, objects } = cluster;
  for (const owner of owners) {
    for (const name of await objects.podNames(owner, '')) await objects.deletePod(owner, name);
    await api.expectOk('DELETE', `/apis/snapshot.storage.k8s.io/v1/namespaces/${owner}/volumesnapshots`);
    await api.expectOk('DELETE', `/api/v1/namespaces/${owner}/persistentvolumeclaims`);
  }
  for (const path of ['/api/v1/persistentvolumes', '/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents'])
    await objects.untilFound(path, ({ items }) => items.length === 0);
}

function readMarker(scene: StorageScene, pod: ObjectRef): Promise<string> {
  return scene.inWriter(pod, 'cat /data/marker');
}

async function untilMoreTicks(scene: StorageScene, pod: ObjectRef): Promise<void> {
  const ticks = async () => Number(await scene.inWriter(pod, 'wc -l < /data/ticks'));
  const before = await ticks();
  while ((await ticks()) <= before);
}

/** Of OpenBao's answer to root that asks for the key of a claim's volume. */
async function statusOfKey(scene: StorageScene, claimed: ObjectRef): Promise<number> {
  const { handle } = await scene.boundVolume(claimed);
  return (await scene.cluster.openBao.request('GET', `tenants/data/${claimed.namespace}/${handle}`)).status;
}
