/** What `VaultBootstrapJob` emits, run as the Job would run it: logged in as a service account, with the policy of the documents. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Testing } from 'cdk8s';
import { VaultBootstrapJob } from '../../../lib/cdk8s';
import type { VaultState } from '../../../lib/vault/state';
import { bundle } from '../../../tools/bundle';
import { describeWith } from '../../harness/describe-with';
import { type Kubernetes, startKubernetes } from '../../harness/kubernetes';
import { type OpenBao, startOpenBao } from '../../harness/openbao';
import { inventory } from './reconciling';

jest.setTimeout(300_000);

const state: VaultState = {
  owner: 'gitops',
  namespaces: {
    '': {
      mounts: { tenants: { type: 'kv', version: 2 }, wrap: { type: 'transit', keys: { volumes: {} } } },
      policies: { driver: { rules: [{ path: 'tenants/data/*', capabilities: ['create', 'read'] }] } },
      auth: { approle: { type: 'approle', roles: { driver: { tokenPolicies: ['driver'] } } } },
      quotas: { tenants: { path: 'tenants', rate: 100 } },
    },
  },
};

describeWith(['etcd', 'kube-apiserver', 'openbao', 'openssl'], 'the bootstrap Job', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-job-'));
  const executable = join(folder, 'keyward.cjs');
  let kubernetes: Kubernetes;
  let bao: OpenBao;
  beforeAll(async () => {
    bundle('runtime/bin/keyward.ts', executable);
    [kubernetes, bao] = await Promise.all([startKubernetes(), startOpenBao({ tls: true })]);
    await kubernetes.expectOk('POST', '/api/v1/namespaces', { metadata: { name: 'storage' } });
  });
  afterAll(async () => {
    await bao?.stop();
    await kubernetes?.stop();
    rmSync(folder, { recursive: true });
  });

  test('is taken by a real API server, and makes a real OpenBao ready as its service account', async () => {
    const chart = Testing.chart();
    const job = new VaultBootstrapJob(chart, 'vault', {
      state,
      server: { address: bao.address, ca: { configMap: 'vault-ca' } },
      login: { method: 'kubernetes', role: 'bootstrap', mount: 'cluster', audience: 'vault' },
      namespace: 'storage',
    });
    const paths: Readonly<Record<string, string>> = {
      ServiceAccount: '/api/v1/namespaces/storage/serviceaccounts',
      ConfigMap: '/api/v1/namespaces/storage/configmaps',
      Job: '/apis/batch/v1/namespaces/storage/jobs',
    };
    const manifests: readonly { readonly kind: string }[] = Testing.synth(chart);
    for (const manifest of manifests)
      await kubernetes.expectOk('POST', `${paths[manifest.kind]}?fieldValidation=Strict`, manifest);
    await bindBootstrapRole(job.serviceAccount.name);

    const made = (await kubernetes.expectOk('GET', `${paths.Job}/${job.name}`)).body;
    const map = (await kubernetes.expectOk('GET', `${paths.ConfigMap}/${job.name}`)).body;
    put('/etc/keyward/vault/state.json', map.data['state.json']);
    put('/etc/keyward/vault-ca/ca.crt', bao.caPem ?? '');
    const token = await kubernetes.serviceAccountToken('storage', job.serviceAccount.name, ['vault']);
    put('/var/run/secrets/kubernetes.io/serviceaccount/token', token);
    const given: readonly string[] = made.spec.template.spec.containers[0].args;
    const inPod = given.map((arg) => arg.replace(/=(\/(?:etc|var)\/)/, `=${folder}$1`));
    const run = (args: readonly string[]) =>
      spawnSync(process.execPath, [executable, ...args], { encoding: 'utf8', env: {}, timeout: 60_000 });

    const first = run(inPod);
    expect(first.stderr).toContain('[7/7]');
    expect(first.status).toBe(0);
    expect(await inventory(bao)).toMatchObject({
      'sys/mounts/tenants': { type: 'kv', settings: { version: '2' } },
      'wrap/keys/volumes': { type: 'aes256-gcm96' },
      'auth/approle/role/driver': { token_policies: ['driver'] },
      'quota tenants': { rate: 100 },
    });
    expect(run(inPod)).toMatchObject({ status: 0, stdout: 'gitops: no change, 7 as wanted\n' });

    const destroy = inPod.map((arg) => (arg === 'apply' ? 'destroy' : arg));
    expect(run([...destroy, '--delete-data=sys/mounts/wrap']).status).toBe(0);
    expect(Object.keys(await inventory(bao))).not.toContain('sys/mounts/tenants');
  });

  function put(path: string, text: string): void {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }

  async function bindBootstrapRole(account: string): Promise<void> {
    const documented = readFileSync(join(__dirname, '../../../docs/vault-cli.md'), 'utf8');
    const [, policy] = /```hcl\n([\s\S]*?)```/.exec(documented) ?? [];
    await bao.expectOk('POST', 'sys/policies/acl/keyward-apply', { policy });
    await bao.expectOk('POST', 'sys/auth/cluster', { type: 'kubernetes' });
    await bao.expectOk('POST', 'auth/cluster/config', {
      kubernetes_host: kubernetes.url,
      kubernetes_ca_cert: kubernetes.caPem,
      token_reviewer_jwt: kubernetes.adminToken,
      disable_local_ca_jwt: true,
    });
    await bao.expectOk('POST', 'auth/cluster/role/bootstrap', {
      bound_service_account_names: account,
      bound_service_account_namespaces: 'storage',
      audience: 'vault',
      token_policies: ['keyward-apply'],
      token_ttl: '10m',
    });
  }
});
