/** The tenant agent on a real Kubernetes API: what its roles allow, what it serves, and how it lives through restarts. */
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KmsProps } from '../../lib/schema/kms';
import { TenantAgentClient } from '../../runtime/tenant-agent/client';
import { startTenantFixture, type TenantFixture } from '../conformance/kms/tenant-fixture';
import { describeWith } from '../harness/describe-with';

jest.setTimeout(180_000);

const declared = (address: string): Record<string, KmsProps> => ({
  tokens: { type: 'vaulttokens', address, tls: { caFromSecret: 'vault-ca' } },
  accounts: { type: 'vaulttenantsa', address, audience: 'vault', overrides: 'documented' },
  wrapped: { type: 'metadata', secretName: 'storage-encryption' },
  central: { type: 'metadata', secretName: 'central', secretNamespace: 'stranger' },
});

describeWith(['openbao', 'etcd', 'kube-apiserver', 'openssl'], 'the tenant agent on kube-apiserver', () => {
  let fixture: TenantFixture;
  let agent: TenantAgentClient;
  let identity: string;

  beforeAll(async () => {
    fixture = await startTenantFixture(declared, {
      agent: { cache: { foundMs: 500, absentMs: 100, staleMs: 60_000 } },
    });
    const { kubernetes } = fixture;
    for (const namespace of ['shop', 'billing', 'stranger']) {
      await fixture.putSecret(namespace, 'ceph-csi-kms-token', { token: `of ${namespace}`, other: 'x' });
      await fixture.putSecret(namespace, 'storage-encryption', { encryptionPassphrase: `of ${namespace}\n` });
      await fixture.putSecret(namespace, 'innocent', { token: 'nobody’s business' });
      await fixture.putSecret(namespace, 'central', { encryptionPassphrase: 'central' });
      for (const name of ['ceph-csi-vault-sa', 'other-sa']) {
        await kubernetes.expectOk('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
      }
    }
    await fixture.putConfigMap('shop', 'ceph-csi-kms-config', { vaultNamespace: 'team-a' });
    await fixture.putSecret('keyward-system', 'vault-ca', { cert: 'ca of the driver' });
    await fixture.putSecret('keyward-system', 'ceph-csi-kms-token', { token: 'of the driver' });
    agent = fixture.connect();
    identity = await kubernetes.serviceAccountToken('keyward-system', 'keyward-csi');
  });
  const clients: TenantAgentClient[] = [];
  const opened = (options: { readonly endpoint: string }) => {
    const client = new TenantAgentClient(options);
    clients.push(client);
    return client;
  };
  afterAll(async () => {
    for (const client of clients) client.close();
    await fixture?.stop();
  });

  const text = async (secret: ReturnType<TenantAgentClient['secret']>) =>
    (await secret)?.use((bytes) => bytes.toString('utf8'));
  const codeOf = (call: Promise<unknown>) =>
    call.then(
      () => 'OK',
      (error: { code: string }) => error.code,
    );
  /** RBAC and reconnections take a moment. */
  const eventually = async (wanted: string, ask: () => Promise<string | undefined>) => {
    const until = Date.now() + 10_000;
    let found = await ask();
    while (found !== wanted && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      found = await ask();
    }
    expect(found).toBe(wanted);
  };
  const api = (namespace: string, rest: string) => `/api/v1/namespaces/${namespace}${rest}`;

  const requests: readonly [string, string, string, 'allowed' | 'forbidden'][] = [
    ['the token Secret of a tenant', 'GET', api('shop', '/secrets/ceph-csi-kms-token'), 'allowed'],
    ['the ConfigMap of a tenant', 'GET', api('shop', '/configmaps/ceph-csi-kms-config'), 'allowed'],
    ['the passphrase of a tenant', 'GET', api('billing', '/secrets/storage-encryption'), 'allowed'],
    ['the named Secret of another namespace', 'GET', api('stranger', '/secrets/central'), 'allowed'],
    ['the CA of the driver', 'GET', api('keyward-system', '/secrets/vault-ca'), 'allowed'],
    ['the namespace of a tenant', 'GET', api('shop', ''), 'allowed'],
    ['a token of the named account', 'POST', api('shop', '/serviceaccounts/ceph-csi-vault-sa/token'), 'allowed'],
    ['another Secret of a tenant', 'GET', api('shop', '/secrets/innocent'), 'forbidden'],
    ['all Secrets of a tenant', 'GET', api('shop', '/secrets'), 'forbidden'],
    ['a watch on Secrets', 'GET', api('shop', '/secrets?watch=true&timeoutSeconds=1'), 'forbidden'],
    ['all Secrets of the cluster', 'GET', '/api/v1/secrets', 'forbidden'],
    ['the token Secret of a stranger', 'GET', api('stranger', '/secrets/ceph-csi-kms-token'), 'forbidden'],
    ['the token Secret of the driver', 'GET', api('keyward-system', '/secrets/ceph-csi-kms-token'), 'forbidden'],
    ['another ConfigMap', 'GET', api('shop', '/configmaps/kube-root-ca.crt'), 'forbidden'],
    ['another namespace', 'GET', api('stranger', ''), 'forbidden'],
    ['a token of another account', 'POST', api('shop', '/serviceaccounts/other-sa/token'), 'forbidden'],
    [
      'a token of a stranger’s account',
      'POST',
      api('stranger', '/serviceaccounts/ceph-csi-vault-sa/token'),
      'forbidden',
    ],
    [
      'a token of the driver’s account',
      'POST',
      api('keyward-system', '/serviceaccounts/keyward-csi/token'),
      'forbidden',
    ],
    ['the account itself', 'GET', api('shop', '/serviceaccounts/ceph-csi-vault-sa'), 'forbidden'],
    ['a deletion', 'DELETE', api('shop', '/secrets/ceph-csi-kms-token'), 'forbidden'],
    ['a new Secret', 'POST', api('shop', '/secrets'), 'forbidden'],
  ];
  test.each(requests)('RBAC: %s: %s %s is %s', async (_, method, path, outcome) => {
    const body = path.endsWith('/token')
      ? { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }
      : { metadata: { name: 'new' } };
    const answer = await fixture.kubernetes.request(method, path, method === 'POST' ? body : undefined, {
      token: identity,
    });
    expect(answer.status === 403).toBe(outcome === 'forbidden');
    if (outcome === 'allowed') expect(answer.status).toBeLessThan(300);
  });

  test('serves what the configuration names, as it is', async () => {
    const secret = (namespace: string, name: string, key: string, orOfDriver = false) =>
      text(agent.secret({ namespace, name, key, orOfDriver }));
    expect(await secret('shop', 'ceph-csi-kms-token', 'token')).toBe('of shop');
    expect(await secret('billing', 'ceph-csi-kms-token', 'token')).toBe('of billing');
    expect(await secret('shop', 'storage-encryption', 'encryptionPassphrase')).toBe('of shop\n');
    expect(await secret('stranger', 'central', 'encryptionPassphrase')).toBe('central');
    expect(await secret('shop', 'vault-ca', 'cert')).toBeUndefined();
    expect(await secret('shop', 'vault-ca', 'cert', true)).toBe('ca of the driver');
    expect(await agent.configMap({ namespace: 'shop', name: 'ceph-csi-kms-config' })).toEqual({
      vaultNamespace: 'team-a',
    });
    expect(await agent.configMap({ namespace: 'billing', name: 'ceph-csi-kms-config' })).toBeUndefined();
    const account = { namespace: 'shop', name: 'ceph-csi-vault-sa', audience: 'vault' };
    const [one, two] = [await text(agent.serviceAccountToken(account)), await text(agent.serviceAccountToken(account))];
    expect(one).not.toBe(two);
    const claims = JSON.parse(Buffer.from(one?.split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({ aud: ['vault'], sub: 'system:serviceaccount:shop:ceph-csi-vault-sa' });
    expect(claims.exp - claims.iat).toBeLessThanOrEqual(600);
  });

  test('looks in the tenant’s namespace first; a Secret without the key ends the search', async () => {
    const name = { namespace: 'billing', name: 'vault-ca', key: 'cert', orOfDriver: true };
    await fixture.putSecret('billing', 'vault-ca', { 'tls.crt': 'under the wrong key' });
    await expect(agent.secret(name)).toRejectWithCode('SECRET_MISSING');
    await fixture.putSecret('billing', 'vault-ca', { cert: '' });
    await expect(agent.secret(name, { fresh: true })).toRejectWithCode('SECRET_MISSING');
    await fixture.putSecret('billing', 'vault-ca', { cert: 'of the tenant' });
    expect(await text(agent.secret(name, { fresh: true }))).toBe('of the tenant');
  });

  test.each([
    ['another Secret', () => agent.secret({ namespace: 'shop', name: 'innocent', key: 'token' }), 'KMS_DENIED'],
    ['another key', () => agent.secret({ namespace: 'shop', name: 'ceph-csi-kms-token', key: 'other' }), 'KMS_DENIED'],
    [
      'a stranger',
      () => agent.secret({ namespace: 'stranger', name: 'ceph-csi-kms-token', key: 'token' }),
      'KMS_DENIED',
    ],
    [
      'the driver’s namespace for a token',
      () => agent.secret({ namespace: 'shop', name: 'ceph-csi-kms-token', key: 'token', orOfDriver: true }),
      'KMS_DENIED',
    ],
    ['another ConfigMap', () => agent.configMap({ namespace: 'shop', name: 'kube-root-ca.crt' }), 'KMS_DENIED'],
    [
      'another account',
      () => agent.serviceAccountToken({ namespace: 'shop', name: 'other-sa', audience: 'vault' }),
      'KMS_DENIED',
    ],
    [
      'another audience',
      () => agent.serviceAccountToken({ namespace: 'shop', name: 'ceph-csi-vault-sa' }),
      'KMS_DENIED',
    ],
    ['a path', () => agent.secret({ namespace: '../shop', name: 'x', key: 'y' }), 'REQUEST_INVALID'],
    [
      'a key that is none',
      () => agent.secret({ namespace: 'shop', name: 'ceph-csi-kms-token', key: '..' }),
      'REQUEST_INVALID',
    ],
    ['no name', () => agent.configMap({ namespace: 'shop', name: '' }), 'REQUEST_INVALID'],
  ] as const)('refuses %s', async (_, call, code) => {
    await expect((call as () => Promise<unknown>)()).toRejectWithCode(code);
  });

  test('a tenant may name another account, and must itself let the agent use it', async () => {
    const account = { namespace: 'billing', name: 'own-sa', audience: 'vault' };
    await fixture.kubernetes.expectOk('POST', api('billing', '/serviceaccounts'), { metadata: { name: 'own-sa' } });
    await fixture.putConfigMap('billing', 'ceph-csi-kms-config', {
      tenantSAName: 'own-sa',
      vaultCAFromSecret: 'innocent',
    });
    await expect(agent.serviceAccountToken(account, { fresh: true })).toRejectWithCode('KMS_DENIED');
    const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/billing';
    const rules = [
      { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'], resourceNames: ['own-sa'] },
    ];
    await fixture.kubernetes.expectOk('POST', `${rbac}/roles`, { metadata: { name: 'own' }, rules });
    await fixture.kubernetes.expectOk('POST', `${rbac}/rolebindings`, {
      metadata: { name: 'own' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'own' },
      subjects: [{ kind: 'ServiceAccount', name: 'keyward-csi', namespace: 'keyward-system' }],
    });
    await eventually('OK', () => codeOf(agent.serviceAccountToken(account)));
  });

  test('the socket is open to its user only', () => {
    expect(statSync(join(fixture.folder, 'agent.sock')).mode & 0o777).toBe(0o600);
  });

  test('serves through a restart of the API server, and again afterwards without one of its own', async () => {
    const name = { namespace: 'shop', name: 'ceph-csi-kms-token', key: 'token' };
    const account = { namespace: 'shop', name: 'ceph-csi-vault-sa', audience: 'vault' };
    await agent.secret(name);
    const seen: string[] = [];
    let isDone = false;
    const restarting = fixture.kubernetes.restart().finally(() => {
      isDone = true;
    });
    while (!isDone) {
      expect(await text(agent.secret(name))).toBe('of shop');
      seen.push(await codeOf(agent.serviceAccountToken(account)));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await restarting;
    // Which of them shows depends on how fast the server comes back; when it does, it denies until it knows the roles.
    expect(seen.filter((code) => !['OK', 'KMS_UNREACHABLE', 'KMS_DENIED'].includes(code))).toEqual([]);
    expect(await text(agent.secret(name, { fresh: true }))).toBe('of shop');
    expect(await text(agent.serviceAccountToken(account))).toMatch(/^ey/);
  });

  test('reads its own token again when the API server refuses it', async () => {
    const name = { namespace: 'shop', name: 'ceph-csi-kms-token', key: 'token' };
    writeFileSync(fixture.agentTokenFile, 'nobody-signed-this');
    const late = { endpoint: `unix://${join(fixture.folder, 'late.sock')}` };
    const started = await fixture.startAgent({ ...late, cache: { foundMs: 0 } });
    const client = opened(late);
    await expect(client.secret(name)).toRejectWithCode('KMS_DENIED');
    writeFileSync(fixture.agentTokenFile, identity);
    expect(await text(client.secret(name))).toBe('of shop');
    await started.close(100);
  });

  test('a client lives through a restart of the agent', async () => {
    const name = { namespace: 'shop', name: 'ceph-csi-kms-token', key: 'token' };
    const again = { endpoint: `unix://${join(fixture.folder, 'again.sock')}` };
    const client = opened(again);
    await expect(client.secret(name)).toRejectWithCode('KMS_UNREACHABLE');
    for (let round = 0; round < 2; round += 1) {
      const started = await fixture.startAgent(again);
      await eventually('of shop', () => text(client.secret(name)).catch(() => 'away'));
      await started.close(100);
      await expect(client.secret(name)).toRejectWithCode('KMS_UNREACHABLE');
    }
  });

  test('tells a tenant that is gone, roles and all, from one that it may not see (R14)', async () => {
    const name = { namespace: 'billing', name: 'ceph-csi-kms-token', key: 'token' };
    await fixture.remove('/apis/rbac.authorization.k8s.io/v1/namespaces/billing/rolebindings/keyward-csi-tenants');
    await eventually('KMS_DENIED', () => codeOf(agent.secret(name, { fresh: true })));
    await fixture.remove('/api/v1/namespaces/billing');
    expect(await agent.secret(name, { fresh: true })).toBeUndefined();
    expect(
      await agent.configMap({ namespace: 'billing', name: 'ceph-csi-kms-config' }, { fresh: true }),
    ).toBeUndefined();
    expect(
      await agent.serviceAccountToken({ namespace: 'billing', name: 'ceph-csi-vault-sa', audience: 'vault' }),
    ).toBeUndefined();
  });
});
