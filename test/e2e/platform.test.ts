/**
 * `pulumi up` of stacks/platform on an empty cluster with a real kubelet: OpenBao and the cluster are ready, the DaemonSet registers
 * itself, a tenant's Pod writes on a volume that only the tenant's key opens, and `pulumi destroy` leaves nothing.
 */
import { randomBytes } from 'node:crypto';
import { Secret } from '../../runtime/secret';
import { bootLimitMs, boxComponents } from '../harness/cluster-box';
import { describeWithGuest } from '../harness/describe-with-guest';
import { driverImageComponents } from '../harness/driver-images';
import { longTest } from '../harness/long-test';
import { PULUMI_TOOLS } from '../harness/pulumi';
import { findIn, findInFiles, needlesOf } from '../harness/secret-scan';
import { claim } from '../harness/volume-objects';
import { findKeys } from './canary';
import { etcdHolds } from './control-plane';
import { PlatformScene, tenants } from './platform-scene';
import { namespace, nothingLeft, type ObjectRef, secret } from './storage-scene';

jest.setTimeout(bootLimitMs);

const ledger = { namespace: 'billing', name: 'ledger' };
const journal = { namespace: 'billing', name: 'journal' };
const pods: readonly ObjectRef[] = [ledger, journal];
const noPreview = ['--yes', '--skip-preview'];
/** Computed where it is written, so that no command line holds it. */
const marker = Array.from({ length: 30 }, (_, index) => 7000 + index).join(':');
const writeMarker = 'seq -s : 7000 7029 > /data/marker && sync';
const passphrase = randomBytes(24).toString('hex');

describeWithGuest([...boxComponents, ...driverImageComponents, ...PULUMI_TOOLS], 'stacks/platform on a kubelet', () => {
  let scene: PlatformScene;
  let before: Awaited<ReturnType<PlatformScene['inventory']>>;
  let secretId: string;
  beforeAll(async () => {
    scene = await PlatformScene.start();
    before = await scene.inventory();
  });
  afterAll(() => scene?.stop());

  const keyOf = async (pod: ObjectRef) =>
    `keyward-tenants/data/${pod.namespace}/${(await scene.boundVolume(pod)).handle}`;
  const readMarker = (pod: ObjectRef) => scene.inWriter(pod, 'cat /data/marker');
  const readMarkers = () => Promise.all(pods.map(readMarker));
  const both = [marker, marker];

  test('R18, R20: pulumi up makes OpenBao ready, and the driver registers itself', async () => {
    await scene.up();
    await scene.untilDriverReady();
    await scene.untilRegistered();
    expect((await scene.cluster.openBao.request('GET', 'sys/mounts/keyward-tenants')).status).toBe(200);
  });

  test('R3, R10: what the stack has declared for the control plane encrypts Secrets', async () => {
    await scene.cluster.apply([secret('early', { value: 'canary of plain text' })]);
    // So it would be found.
    expect(etcdHolds(scene.cluster, 'canary of plain text')).toBe(true);
    ({ secretId } = await scene.encryptSecrets());
    await scene.cluster.apply([secret('late', { value: 'canary of ciphertext' })]);
    expect(etcdHolds(scene.cluster, 'k8s:enc:kms:v2:keyward:')).toBe(true);
    expect(etcdHolds(scene.cluster, 'canary of ciphertext')).toBe(false);
    expect(await scene.secretValue('late')).toBe('canary of ciphertext');
  });

  test('what runs is no drift', async () => {
    await scene.project.expectOk('refresh', ...noPreview, '--expect-no-changes');
    await scene.project.expectOk('up', ...noPreview, '--expect-no-changes');
  });

  test('R14: Pods of a tenant write, one on a volume whose key only the tenant may read', async () => {
    await scene.cluster.apply([
      secret('storage-passphrase', { encryptionPassphrase: passphrase }),
      claim({ ...ledger, storageClass: 'encrypted-tenant' }),
      claim({ ...journal, storageClass: 'encrypted' }),
    ]);
    await Promise.all(pods.map((pod) => scene.startWriter(pod)));
    for (const pod of pods) await scene.inWriter(pod, writeMarker);
    const key = await keyOf(ledger);
    expect(await scene.statusAsTenant('billing', key)).toBe(200);
    expect(await scene.statusAsTenant('shop', key)).toBe(403);
  });

  test('the disk of the node holds ciphertext only', async () => {
    await scene.onNode('sync');
    const [node] = scene.cluster.status.nodes;
    const { handle } = await scene.boundVolume(ledger);
    const needles = [
      { name: 'plain text', bytes: Buffer.from(marker) },
      { name: 'handle', bytes: Buffer.from(handle) },
    ];
    const disk = findInFiles(node?.folder ?? '', needles).filter((found) => /\/disk: /.test(found));
    // The handle shows that what is on the disk is found.
    expect(disk).toEqual([expect.stringMatching(/: handle$/)]);
    expect(await readMarkers()).toEqual(both);
  });

  test('no key is in the state of Pulumi, in etcd, in logs, in arguments, or in files of the node', async () => {
    const { body } = await scene.cluster.openBao.expectOk('GET', await keyOf(ledger));
    const needles = [
      ...needlesOf('key of the volume', Secret.fromText(body.data.data.data.passphrase)),
      ...needlesOf('passphrase of the class', Secret.fromText(passphrase)),
      ...needlesOf('token of the reviewer', Secret.fromText(scene.reviewerToken)),
    ];
    const ofPlugin = needlesOf('secret id of the plugin', Secret.fromText(secretId));
    // So they would be found.
    expect(findIn(`{"passphrase":"${passphrase}"}`, needles)).toEqual(['passphrase of the class as it is']);
    expect(await scene.project.exported()).toContain('encrypted-tenant');
    expect(findInFiles(scene.project.folder, [...needles, ...ofPlugin])).toEqual([]);
    expect(await findKeys(scene, needles, '--tenant=billing')).toEqual([]);
  });

  test('the data is there after a restart of the Pods', async () => {
    for (const pod of pods) await scene.restartWriter(pod);
    expect(await readMarkers()).toEqual(both);
  });

  longTest('the data is there after a power cut of the node', async () => {
    await scene.onNode('sync');
    await scene.cluster.rebootNode();
    await scene.untilRestarted(pods);
    expect(await readMarkers()).toEqual(both);
  });

  test('R17: deletion leaves no image, no key and no mapping', async () => {
    const { api, objects, openBao } = scene.cluster;
    const key = (await keyOf(ledger)).replace('/data/', '/metadata/');
    expect((await openBao.request('GET', key)).status).toBe(200);
    for (const pod of pods) await objects.deletePod(pod.namespace, pod.name);
    await api.expectOk('DELETE', '/api/v1/namespaces/billing/persistentvolumeclaims');
    await objects.untilFound('/api/v1/persistentvolumes', ({ items }) => items.length === 0);
    expect((await openBao.request('GET', key)).status).toBe(404);
    expect((await openBao.request('LIST', 'keyward-tenants/metadata/')).status).toBe(404);
    expect(await scene.leftOnNode()).toEqual(nothingLeft);
  });

  test('pulumi destroy leaves the cluster and OpenBao as they were, when etcd is plain text again', async () => {
    await scene.decryptSecrets();
    expect(await scene.secretValue('late')).toBe('canary of ciphertext');
    expect(etcdHolds(scene.cluster, 'canary of ciphertext')).toBe(true);
    await scene.project.expectOk('destroy', ...noPreview);
    await scene.untilRegistered(false);
    await scene.cluster.objects.untilGone(`/api/v1/namespaces/${namespace}`);
    expect(await scene.inventory()).toEqual(before);
    expect(before['/api/v1/namespaces']).toEqual(expect.arrayContaining(tenants.map((name) => `/${name}`)));
  });
});
