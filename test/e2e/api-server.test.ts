/**
 * Secrets of the cluster in a box encrypted by our plugin on its OpenBao, all of it from one declaration: the state of OpenBao, the
 * plugin's arguments and files, the EncryptionConfiguration and the flags of the API server. Boots no node.
 */
import { bootLimitMs, boxComponents, ClusterBox } from '../harness/cluster-box';
import { describeWithGuest } from '../harness/describe-with-guest';
import { etcdHolds } from './control-plane';
import { encryptSecrets } from './encrypted-secrets';

jest.setTimeout(bootLimitMs);

describeWithGuest(boxComponents, 'the API server of the cluster in a box', () => {
  let cluster: ClusterBox;
  beforeAll(async () => {
    cluster = await ClusterBox.start({ nodes: 0 });
  });
  afterAll(() => cluster?.stop());

  const createSecret = (name: string, value: string) =>
    cluster.api.expectOk('POST', '/api/v1/namespaces/default/secrets', { metadata: { name }, stringData: { value } });
  const readSecret = async (name: string) => {
    const { body } = await cluster.api.expectOk('GET', `/api/v1/namespaces/default/secrets/${name}`);
    return Buffer.from(body.data.value, 'base64').toString();
  };

  test('R3, R10: what one declaration emits encrypts Secrets, and etcd has no plain text of them', async () => {
    await createSecret('before', 'canary of plain text');
    // So it would be found.
    expect(etcdHolds(cluster, 'canary of plain text')).toBe(true);

    await encryptSecrets(cluster);

    await createSecret('after', 'canary of ciphertext');
    expect(await readSecret('after')).toBe('canary of ciphertext');
    expect(etcdHolds(cluster, 'k8s:enc:kms:v2:keyward:')).toBe(true);
    expect(etcdHolds(cluster, 'canary of ciphertext')).toBe(false);
    expect(await readSecret('before')).toBe('canary of plain text');
  });

  test('R10: the API server and its plugin survive an outage of OpenBao', async () => {
    await cluster.halt('openbao');
    expect(await readSecret('after')).toBe('canary of ciphertext');
    await cluster.resume('openbao');
    await createSecret('later', 'canary of a later day');
    expect(await readSecret('later')).toBe('canary of a later day');
    expect(etcdHolds(cluster, 'canary of a later day')).toBe(false);
  });

  test('R10: both come back after a restart with OpenBao as it was', async () => {
    await cluster.halt('kube-apiserver');
    await cluster.halt('kms-plugin');
    await cluster.restartOpenBao();
    await cluster.resume('kms-plugin');
    await cluster.resume('kube-apiserver');
    expect(await readSecret('after')).toBe('canary of ciphertext');
  });
});
