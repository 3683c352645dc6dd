/** What a tenant sees when something is wrong, and that the Pod starts by itself when it is mended. */
import { claim, writer } from '../harness/volume-objects';
import type { GitopsScene } from './gitops-scene';
import { namespace, type ObjectRef } from './storage-scene';

const till = { namespace: 'shop', name: 'till' };
const account = '/api/v1/namespaces/shop/serviceaccounts/volume-keys';
const kmsConfigMap = 'keyward-csi-kms';
const kernelHelper = '/proc/sys/kernel/modprobe';

/** What a tenant does, and sees: a Pod on the claim of its name. */
function doings(scene: () => GitopsScene, pod: ObjectRef) {
  const { namespace: owner, name } = pod;
  return {
    claim: () => scene().cluster.apply([claim({ ...pod, storageClass: 'encrypted-tenant' })]),
    start: () => scene().cluster.apply([writer({ ...pod, claimName: name })]),
    untilReady: () => scene().cluster.objects.untilPodReady(owner, name),
    /** In one line: code, what is wrong, what to do. The kubelet repeats what fails, so the event comes although there was an earlier one. */
    untilRefused: (code: string) =>
      scene().cluster.objects.untilEvent(owner, name, new RegExp(`FailedMount: .*${code}: .+\\. .+`)),
    remove: () => scene().cluster.objects.deletePod(owner, name),
  };
}

/** Test of a node on which nothing is mounted; the stack is applied. */
export function bareNodeTests(scene: () => GitopsScene): void {
  const early = { namespace: 'billing', name: 'early' };
  const { claim: claimVolume, start, untilReady, untilRefused, remove } = doings(scene, early);

  test('refuses a Pod on a node without dm-crypt, says so in its events, and starts it when the kernel has it', async () => {
    const loader = await scene().onNode('cat', kernelHelper);
    const load = (program: string) => scene().onNode('sh', '-c', `echo ${program} > ${kernelHelper}`);
    await load('/bin/false');
    expect((await scene().cluster.runOnNode(['rmmod', 'dm_crypt'])).exitCode).toBe(0);
    await claimVolume();
    await start();
    await untilRefused('DM_CRYPT_UNAVAILABLE');
    await load(loader);
    await untilReady();
    await remove();
    const path = `/api/v1/namespaces/${early.namespace}/persistentvolumeclaims/${early.name}`;
    await scene().cluster.api.expectOk('DELETE', path);
    await scene().cluster.objects.untilFound('/api/v1/persistentvolumes', ({ items }) => items.length === 0);
  });
}

/** Tests of the stack's second tenant; the stack is applied. */
export function troubleTests(scene: () => GitopsScene): void {
  const { claim: claimVolume, start, untilReady, untilRefused, remove } = doings(scene, till);

  test('refuses a Pod whose tenant has no ServiceAccount, says so in its events, and starts it when there is one', async () => {
    const { cluster } = scene();
    await claimVolume();
    await start();
    await untilReady();
    await remove();
    await cluster.api.expectOk('DELETE', account);
    // What it remembers of the tenant would still open the volume.
    await scene().replaceDriver();
    await start();
    expect(await untilRefused('[A-Z]+_[A-Z_]+')).toContain('volume-keys');
    await cluster.apply(scene().declared().get('tenants') ?? []);
    await untilReady();
    await remove();
  });

  test('refuses a Pod while OpenBao is down, says so in its events, and starts it when that is back', async () => {
    const { cluster } = scene();
    await scene().replaceDriver();
    await cluster.halt('openbao');
    await start();
    await untilRefused('KMS_UNREACHABLE');
    await cluster.resume('openbao');
    await untilReady();
    await remove();
  });

  test('refuses a Pod whose tenant asks for a wrong role, says so in its events, and starts it with the right one', async () => {
    const { cluster } = scene();
    const name = 'ceph-csi-kms-config';
    const metadata = { namespace: 'shop', name };
    await cluster.apply([{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { vaultRole: 'nobody' } }]);
    await scene().replaceDriver();
    await start();
    await untilRefused('KMS_DENIED');
    await cluster.api.expectOk('DELETE', `/api/v1/namespaces/shop/configmaps/${name}`);
    await untilReady();
    await remove();
  });

  test('refuses a Pod while the ConfigMap of the KMSs is missing, says so in its events, and starts it when it is there', async () => {
    const { cluster } = scene();
    await cluster.api.expectOk('DELETE', `/api/v1/namespaces/${namespace}/configmaps/${kmsConfigMap}`);
    await scene().replaceDriver();
    await start();
    await untilRefused('CONFIG_UNREADABLE');
    await cluster.apply(scene().declared().get('driver') ?? []);
    await untilReady();
    await remove();
  });

  test('R14: refuses the volume of another tenant, to a claim for it and to a copy of its PersistentVolume', async () => {
    const { cluster } = scene();
    const { name } = await scene().boundVolume({ namespace: 'billing', name: 'ledger' });
    const [thief, copy] = [
      { namespace: 'shop', name: 'thief' },
      { namespace: 'shop', name: 'copy' },
    ];
    await cluster.apply([claim({ ...thief, storageClass: 'encrypted-tenant', volumeName: name })]);
    await cluster.objects.untilEvent(thief.namespace, thief.name, /already bound to a different claim/);

    const { body } = await cluster.api.expectOk('GET', `/api/v1/persistentvolumes/${name}`);
    const { claimRef: _, ...spec } = body.spec;
    // What only an administrator can write.
    await cluster.apply([
      {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: 'copied' },
        spec: { ...spec, persistentVolumeReclaimPolicy: 'Retain' },
      },
      claim({ ...copy, storageClass: 'encrypted-tenant', volumeName: 'copied' }),
      writer({ ...copy, claimName: copy.name }),
    ]);
    const refused = await cluster.objects.untilEvent(copy.namespace, copy.name, /FailedMount: .*VOLUME_FOREIGN: .+/);
    expect(refused).toContain('the tenant billing');
    await cluster.objects.deletePod(copy.namespace, copy.name);
    await cluster.api.expectOk('DELETE', '/api/v1/persistentvolumes/copied');
  });
}
