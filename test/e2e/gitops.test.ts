/**
 * `cdk8s synth` of stacks/gitops on an empty cluster with a real kubelet: applied in the emitted order, the Job makes OpenBao ready,
 * the DaemonSet registers itself, and Pods of two tenants write on volumes that only the key of each opens.
 */
import { Secret } from '../../runtime/secret';
import { bootLimitMs, boxComponents } from '../harness/cluster-box';
import { describeWithGuest } from '../harness/describe-with-guest';
import { driverImageComponents } from '../harness/driver-images';
import { needlesOf } from '../harness/secret-scan';
import { findKeys } from './canary';
import { etcdHolds } from './control-plane';
import { GitopsScene } from './gitops-scene';
import { bareNodeTests, troubleTests } from './gitops-trouble';
import { deleteEverything, ledger, lifeTests, marker, powerCutTest, writeTests } from './storage-life';
import { nothingLeft } from './storage-scene';

jest.setTimeout(bootLimitMs);

describeWithGuest([...boxComponents, ...driverImageComponents], 'stacks/gitops on a cluster with a kubelet', () => {
  let scene: GitopsScene;
  /** Of the class that has one. */
  let passphrase: string;
  beforeAll(async () => {
    scene = await GitopsScene.start();
  });
  afterAll(() => scene?.cluster.stop());

  test('R18, R20: applied in the emitted order, the Job makes OpenBao ready and the driver registers itself', async () => {
    await scene.applyStack();
  });

  test('R3, R10: what the stack has written for the control plane encrypts Secrets', async () => {
    const { plain, encrypted } = await scene.encryptSecrets();
    passphrase = encrypted;
    expect(etcdHolds(scene.cluster, 'k8s:enc:kms:v2:keyward:')).toBe(true);
    expect(etcdHolds(scene.cluster, encrypted)).toBe(false);
    // And this way it would have been found.
    expect(etcdHolds(scene.cluster, plain)).toBe(true);
  });

  bareNodeTests(() => scene);

  writeTests(() => scene);

  test('the backing store holds ciphertext only', async () => {
    const found = (folder: string) => scene.onNode('grep', '-rlaF', marker, folder);
    expect(await found('/var/lib/keyward')).toBe('');
    // And this way it would have been found.
    expect((await found('/var/lib/kubelet/plugins/kubernetes.io')).split('\n')).toHaveLength(2);
    const luks = await scene.onNode('sh', '-c', 'grep -rlaF LUKS /var/lib/keyward | wc -l');
    expect(Number(luks)).toBeGreaterThanOrEqual(2);
  });

  test('no key is in etcd, in logs, in arguments, or in files of the node', async () => {
    const { handle } = await scene.boundVolume(ledger);
    const { body } = await scene.cluster.openBao.expectOk('GET', `tenants/data/billing/${handle}`);
    const needles = [
      ...needlesOf('key of the volume', Secret.fromText(body.data.data.data.passphrase)),
      ...needlesOf('passphrase of the class', Secret.fromText(passphrase)),
    ];
    expect(await findKeys(scene, needles, '--tenant=billing')).toEqual([]);
  });

  lifeTests(() => scene);

  troubleTests(() => scene);

  powerCutTest(() => scene);

  test('R17: deletion leaves no image, no key and no mapping', async () => {
    await deleteEverything(scene, 'billing', 'shop');
    expect((await scene.cluster.openBao.request('LIST', 'tenants/metadata/')).status).toBe(404);
    expect(await scene.leftOnNode()).toEqual(nothingLeft);
  });
});
