/**
 * Vault away for longer than an API server coasts: it writes for three minutes after the last good Status, and then no
 * more. The plugin answers Status from memory, so that writes go on. This takes the real minutes.
 */
import type { ClusterStatus } from '../../../runtime/etcd-rotation/status';
import { describeWith } from '../../harness/describe-with';
import { type EncryptingKubernetes, startEncryptingKubernetes } from '../../harness/encrypting-api-server';
import { eventually } from '../kms-plugin-fixture';
import { EtcdCommand, getSecret, putSecret, Site, storedAs } from './fixture';

jest.setTimeout(420_000);

const coastingMs = 180_000;

describeWith(['openbao', 'etcd', 'kube-apiserver'], 'an API server while Vault is stopped for minutes', () => {
  let site: Site;
  let cluster: EncryptingKubernetes;
  beforeAll(async () => {
    site = await Site.open();
    const plugin = site.plugin();
    await plugin.start();
    cluster = await startEncryptingKubernetes({
      providers: [{ apiVersion: 'v2', name: 'vault', socket: plugin.socket }, 'identity'],
    });
  });
  afterAll(async () => {
    await cluster?.stop();
    await site?.close();
  });

  test('reads and writes Secrets all the time, says that it is ready, and goes on when Vault is back', async () => {
    await putSecret(cluster, 'before', 'canary');
    const etcd = new EtcdCommand(site, [cluster]);
    await site.bao.halt();
    const haltedAt = Date.now();
    for (let round = 0; Date.now() < haltedAt + coastingMs + 15_000; round += 1) {
      await putSecret(cluster, `during-${round}`, 'canary');
      expect(await getSecret(cluster, 'before')).toBe('canary');
      await new Promise((resolve) => setTimeout(resolve, 15_000));
    }
    await putSecret(cluster, 'late', 'canary');
    expect((await storedAs(cluster, 'late')).prefix).toBe('k8s:enc:kms:v2:');
    expect((await cluster.kubernetes.request('GET', '/readyz')).status).toBe(200);
    const { disagreement, servers } = etcd.json<ClusterStatus>('status');
    expect(disagreement).toBeUndefined();
    // Status was asked for in the outage, not only before it.
    expect(servers[0]?.report?.keys[0]?.seenAt).toBeGreaterThan((haltedAt + 60_000) / 1_000);
    await site.bao.resume();
    await cluster.restart();
    for (const name of ['before', 'during-0', 'late']) {
      await eventually(async () => expect(await getSecret(cluster, name)).toBe('canary'), 60_000);
    }
  });
});
