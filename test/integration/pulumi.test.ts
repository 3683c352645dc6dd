// `pulumi` for real: the CLI, its language host and a Vault provider, on a real OpenBao and a real API server. The Kubernetes
// provider is a stand-in, since the official one is in no registry.
import { join } from 'node:path';
import { describeWith } from '../harness/describe-with';
import { type Kubernetes, startKubernetes } from '../harness/kubernetes';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { PULUMI_TOOLS, PulumiProject, resourcesOf } from '../harness/pulumi';
import { vaultOutline } from '../harness/vault-outline';

const noPreview = ['--yes', '--skip-preview'];
const minutes = 60_000;
const canary = 'eyJjanary.jwt.5f1c0e7d';

describeWith([...PULUMI_TOOLS, 'openbao', 'etcd', 'kube-apiserver', 'openssl'], 'pulumi', () => {
  let kubernetes: Kubernetes;
  let openBao: OpenBao;

  beforeAll(async () => {
    [kubernetes, openBao] = await Promise.all([
      // The driver's pods are privileged.
      startKubernetes({ apiServerArgs: ['--allow-privileged=true'] }),
      startOpenBao(),
    ]);
  }, 5 * minutes);
  afterAll(async () => {
    await kubernetes?.stop();
    await openBao?.stop();
  });

  /** The Vault is outside of the cluster. */
  const outside = () => ({
    vaultAddress: openBao.address,
    kubernetesHost: kubernetes.url,
    kubernetesCaCert: kubernetes.caPem,
  });
  const isThere = async (path: string) => (await kubernetes.request('GET', path)).status === 200;
  const isInVault = async (path: string) => (await openBao.request('GET', path)).status === 200;

  test(
    'stacks/platform: up makes everything, again changes nothing, refresh sees no drift, destroy leaves nothing',
    async () => {
      using project = new PulumiProject({ kubernetes, openBao });
      await project.init(outside());
      await project.expectOk('config', 'set', '--secret', 'vaultReviewerJwt', canary);
      await project.expectOk('config', 'set', '--path', 'tenants[0]', 'shop');
      await kubernetes.expectOk('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } });
      const inCluster = [
        '/api/v1/namespaces/keyward-system',
        '/apis/apps/v1/namespaces/keyward-system/daemonsets/keyward-csi',
        '/apis/storage.k8s.io/v1/storageclasses/encrypted',
        '/apis/storage.k8s.io/v1/storageclasses/encrypted-vault',
        '/apis/storage.k8s.io/v1/storageclasses/encrypted-tenant',
        '/api/v1/namespaces/shop/serviceaccounts/volume-keys',
        '/apis/storage.k8s.io/v1/csidrivers/csi.keyward.io',
        '/apis/rbac.authorization.k8s.io/v1/clusterroles/keyward-csi',
      ];
      const inVault = [
        'sys/mounts/keyward',
        'sys/mounts/keyward-tenants',
        'auth/kubernetes/config',
        'auth/kubernetes/role/keyward',
      ];
      const stateBefore = await vaultOutline(openBao);

      await project.expectOk('up', ...noPreview);
      for (const path of inCluster) expect([path, await isThere(path)]).toEqual([path, true]);
      for (const path of inVault) expect([path, await isInVault(path)]).toEqual([path, true]);
      const { body: role } = await openBao.expectOk('GET', 'auth/kubernetes/role/keyward');
      expect(role.data.bound_service_account_namespaces).toEqual(['keyward-system']);
      expect(role.data.bound_service_account_names).toEqual(['keyward-csi']);

      const exported = await project.exported();
      expect(resourcesOf(exported).length).toBeGreaterThan(20);
      expect(exported).not.toContain(canary);
      expect(exported).not.toContain(Buffer.from(canary).toString('base64'));
      expect(exported).not.toContain(openBao.rootToken);

      await project.expectOk('up', ...noPreview, '--expect-no-changes');
      await project.expectOk('refresh', ...noPreview, '--expect-no-changes');
      await project.expectOk('preview', '--expect-no-changes');

      await project.expectOk('destroy', ...noPreview);
      expect(resourcesOf(await project.exported())).toEqual([]);
      for (const path of inCluster) expect([path, await isThere(path)]).toEqual([path, false]);
      expect(await vaultOutline(openBao)).toEqual(stateBefore);
    },
    20 * minutes,
  );

  test(
    'stacks/platform: what etcd is read with outlives destroy, until its deletion is allowed',
    async () => {
      using project = new PulumiProject({ kubernetes, openBao });
      const before = await vaultOutline(openBao);
      await project.init(outside());
      await project.expectOk('config', 'set', '--secret', 'vaultReviewerJwt', canary);
      const apiServer = { distribution: 'kubeadm', kubernetesVersion: '1.34', phase: 'encrypt' };
      for (const [key, value] of Object.entries(apiServer))
        await project.expectOk('config', 'set', '--path', `apiServer.${key}`, value);
      await project.expectOk('up', ...noPreview);
      await project.expectOk('up', ...noPreview, '--expect-no-changes');
      await project.expectOk('refresh', ...noPreview, '--expect-no-changes');

      const outputs = async (...flags: readonly string[]) =>
        JSON.parse((await project.expectOk('stack', 'output', '--json', ...flags)).stdout);
      expect(await outputs()).toMatchObject({ roleId: '[secret]', secretId: '[secret]' });
      const { nodeFiles, roleId, secretId } = await outputs('--show-secrets');
      expect(nodeFiles.map(({ path }: { path: string }) => path)).toContain(
        '/etc/kubernetes/manifests/kms-plugin.yaml',
      );
      const exported = await project.exported();
      for (const id of [roleId, secretId]) expect(exported).not.toContain(id);

      const isUsable = async () => {
        const ids = { role_id: roleId, secret_id: secretId };
        const login = await openBao.expectOk('POST', 'auth/keyward-etcd/login', ids, { token: null });
        const { client_token: token } = login.body.auth;
        const text = { plaintext: Buffer.from('a seed').toString('base64') };
        return (await openBao.request('POST', 'keyward-etcd/encrypt/kms', text, { token })).status === 200;
      };
      expect(await isUsable()).toBe(true);
      const refused = await project.run('destroy', ...noPreview);
      expect([refused.exitCode === 0, refused.output.includes('protect')]).toEqual([false, true]);
      expect(await isUsable()).toBe(true);

      await project.expectOk('config', 'set', '--path', 'apiServer.deletionAllowed', 'true');
      await project.expectOk('up', ...noPreview);
      await project.expectOk('destroy', ...noPreview);
      expect(await vaultOutline(openBao)).toEqual(before);
    },
    20 * minutes,
  );

  test(
    'refresh sees what somebody changed in the cluster and at the Vault, and up puts it back',
    async () => {
      using project = new PulumiProject({ kubernetes, openBao });
      await project.init(outside());
      await project.expectOk('config', 'set', '--secret', 'vaultReviewerJwt', canary);
      await project.expectOk('up', ...noPreview);
      const configMap = '/api/v1/namespaces/keyward-system/configmaps/keyward-csi-kms';
      await kubernetes.expectOk('PATCH', configMap, { data: { 'config.json': '{}' } }, { contentType: merge });
      await openBao.expectOk('POST', 'auth/kubernetes/role/keyward', { bound_service_account_names: ['*'] });

      const { exitCode, output } = await project.run('refresh', ...noPreview, '--expect-no-changes');
      expect([exitCode === 0, output.includes('no changes were expected')]).toEqual([false, true]);

      await project.expectOk('up', ...noPreview);
      const { body } = await kubernetes.expectOk('GET', configMap);
      expect(body.data['config.json']).toContain('vault');
      const { body: role } = await openBao.expectOk('GET', 'auth/kubernetes/role/keyward');
      expect(role.data.bound_service_account_names).toEqual(['keyward-csi']);
      await project.expectOk('destroy', ...noPreview);
    },
    20 * minutes,
  );

  test(
    'VaultState: every kind of thing in root and child namespaces; ids and tokens stay secret; keys are protected',
    async () => {
      const { x509, publicKey } = await certificates(kubernetes.caPem);
      const program = `export * from ${JSON.stringify(join(__dirname, 'pulumi-programs/vault-state.ts'))};`;
      using project = new PulumiProject({
        kubernetes,
        openBao,
        yaml: 'name: vault-state\nmain: main.ts\nruntime: nodejs\n',
        files: { 'main.ts': program, 'values.json': JSON.stringify({ certificate: x509, publicKey }) },
      });
      await project.init({ protect: 'true' });
      await project.expectOk('config', 'set', '--secret', 'reviewerJwt', canary);
      await project.expectOk('up', ...noPreview);
      await project.expectOk('preview', '--expect-no-changes');
      await project.expectOk('refresh', ...noPreview, '--expect-no-changes');

      await expectVault(openBao, undefined);
      await expectVault(openBao, 'team');
      const { body: quota } = await openBao.expectOk('GET', 'sys/quotas/rate-limit/csi');
      expect(quota.data).toMatchObject({ path: 'keys/', rate: 100, interval: 60, block_interval: 5 });

      const exported = await project.exported();
      const { body: roleId } = await openBao.expectOk('GET', 'auth/approle/role/plugin/role-id');
      const shown = await project.expectOk('stack', 'output', 'secretId', '--show-secrets');
      const secretId = shown.stdout.trim();
      const login = await openBao.expectOk('POST', 'auth/approle/login', {
        role_id: roleId.data.role_id,
        secret_id: secretId,
      });
      expect(login.body.auth.policies).toContain('reader');
      for (const secret of [canary, secretId, roleId.data.role_id]) expect(exported).not.toContain(secret);

      const kept = resourcesOf(exported).filter(({ protect }) => protect);
      expect(new Set(kept.map(({ type }) => type))).toEqual(
        new Set([
          'vault:index/mount:Mount',
          'vault:index/namespace:Namespace',
          'vault:transit/secretBackendKey:SecretBackendKey',
        ]),
      );
      const refused = await project.run('destroy', ...noPreview);
      expect([refused.exitCode === 0, refused.output.includes('protect')]).toEqual([false, true]);
      expect(await isInVault('transit/keys/etcd')).toBe(true);

      await project.expectOk('config', 'set', 'protect', 'false');
      await project.expectOk('up', ...noPreview);
      await project.expectOk('destroy', ...noPreview);
      expect(await isInVault('sys/mounts/transit')).toBe(false);
    },
    20 * minutes,
  );

  test(
    'the plugin of the package makes a component for a program in another language, secrets kept',
    async () => {
      using project = new PulumiProject({
        kubernetes,
        openBao,
        yaml: 'name: remote\nmain: main.ts\nruntime: nodejs\n',
        files: { 'main.ts': `export * from ${JSON.stringify(join(__dirname, 'pulumi-programs/remote.ts'))};` },
      });
      await project.init({ ca: kubernetes.caPem });
      await project.expectOk('config', 'set', '--secret', 'reviewerJwt', canary);
      await project.expectOk('up', ...noPreview);
      expect(await isInVault('sys/mounts/remote')).toBe(true);
      const { body: roleId } = await openBao.expectOk('GET', 'auth/approle/role/plugin/role-id');
      const exported = await project.exported();
      for (const text of [canary, roleId.data.role_id]) expect(exported).not.toContain(text);
      const { stdout } = await project.expectOk('stack', 'output', 'roleIds', '--show-secrets', '--json');
      expect(JSON.parse(stdout)).toEqual({ 'approle/plugin': roleId.data.role_id });
      await project.expectOk('preview', '--expect-no-changes');
      await project.expectOk('destroy', ...noPreview);
      expect(await isInVault('sys/mounts/remote')).toBe(false);
    },
    20 * minutes,
  );
});

const merge = 'application/merge-patch+json';

async function certificates(caPem: string) {
  const { X509Certificate } = await import('node:crypto');
  const publicKey = new X509Certificate(caPem).publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return { x509: caPem, publicKey };
}

/** What the program declares in a namespace, as the server has it. */
async function expectVault(openBao: OpenBao, namespace: string | undefined): Promise<void> {
  const get = async (path: string) =>
    (await openBao.expectOk('GET', path, undefined, namespace === undefined ? {} : { namespace })).body.data;
  expect(await get('keys/config')).toMatchObject({ max_versions: 3, delete_version_after: '2h0m0s' });
  expect((await get('sys/mounts/plain')).options).toEqual({ version: '1' });
  expect(await get('transit/keys/etcd')).toMatchObject({ auto_rotate_period: 86_400, deletion_allowed: true });
  expect(await get('auth/kubernetes/config')).toMatchObject({
    disable_local_ca_jwt: true,
    disable_iss_validation: true,
  });
  expect(await get('auth/own/config')).toMatchObject({ disable_local_ca_jwt: false });
  expect(await get('auth/kubernetes/role/csi')).toMatchObject({
    audience: 'vault',
    bound_service_account_names: ['csi'],
    token_policies: ['reader'],
    token_type: 'batch',
    token_no_default_policy: true,
  });
  expect(await get('auth/token/roles/plugin')).toMatchObject({ orphan: true, token_period: 3600, renewable: true });
  expect(await get('auth/jwt/role/ci')).toMatchObject({ bound_claims: { team: ['x', 'y'], one: ['z'] } });
  expect(await get('auth/cert/certs/node')).toMatchObject({ allowed_common_names: ['node'] });
  const accessor = (await get('sys/auth/kubernetes')).accessor;
  const { policy } = await get('sys/policies/acl/reader');
  expect(policy).toContain(`keys/data/{{identity.entity.aliases.${accessor}.metadata.service_account_namespace}}/*`);
  expect(policy).toContain(`own/${(await get('sys/auth/token')).accessor}`);
}
