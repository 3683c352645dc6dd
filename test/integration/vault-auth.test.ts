/** Logging in to a real OpenBao with service account tokens that a real kube-apiserver issues and reviews. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Code } from '../../runtime/errors';
import { type KubernetesAuthOptions, kubernetesAuth } from '../../runtime/vault/auth/kubernetes';
import { VaultClient } from '../../runtime/vault/client';
import { openKeyValue } from '../../runtime/vault/kv-engine';
import { describeWith } from '../harness/describe-with';
import { type Kubernetes, startKubernetes } from '../harness/kubernetes';
import { type OpenBao, startOpenBao } from '../harness/openbao';

jest.setTimeout(180_000);

describeWith(['etcd', 'kube-apiserver', 'openbao', 'openssl'], 'Kubernetes auth', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-vault-auth-'));
  const auditFile = join(folder, 'audit.log');
  const tokenFile = join(folder, 'token');
  let kubernetes: Kubernetes;
  let bao: OpenBao;

  beforeAll(async () => {
    kubernetes = await startKubernetes();
    await kubernetes.expectOk('POST', '/api/v1/namespaces', { metadata: { name: 'keyward' } });
    for (const name of ['node', 'stranger']) {
      await kubernetes.expectOk('POST', '/api/v1/namespaces/keyward/serviceaccounts', { metadata: { name } });
    }
    bao = await startOpenBao({ tls: true, auditFile });
    await bao.expectOk('PUT', 'sys/namespaces/team-a', {});
    await bao.expectOk('PUT', 'sys/namespaces/db', {}, { namespace: 'team-a' });
    await bao.expectOk('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } });
    await bao.expectOk('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } }, { namespace: 'team-a/db' });
    await bao.expectOk('PUT', 'kv/data/pvc-1', { data: { data: { passphrase: 'x' } } });
    await allow('k8s/prod', 'kv/data/*');
    await allow('kubernetes', 'db/kv/data/*', 'team-a');
  });
  afterAll(async () => {
    await bao?.stop();
    await kubernetes?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    writeFileSync(tokenFile, await kubernetes.serviceAccountToken('keyward', 'node', ['vault']));
  });

  /** Makes the auth mount, a policy for one path, and roles that differ in the token that they give. */
  async function allow(mount: string, path: string, namespace?: string): Promise<void> {
    const at = namespace === undefined ? {} : { namespace };
    const policy = `path "${path}" { capabilities = ["create", "update", "read", "delete"] }`;
    await bao.expectOk('PUT', 'sys/policies/acl/volumes', { policy }, at);
    await bao.expectOk('POST', `sys/auth/${mount}`, { type: 'kubernetes' }, at);
    const config = {
      kubernetes_host: kubernetes.url,
      kubernetes_ca_cert: kubernetes.caPem,
      token_reviewer_jwt: kubernetes.adminToken,
      disable_local_ca_jwt: true,
    };
    await bao.expectOk('POST', `auth/${mount}/config`, config, at);
    const role = {
      bound_service_account_names: 'node',
      bound_service_account_namespaces: 'keyward',
      audience: 'vault',
      token_policies: 'volumes',
    };
    const roles = {
      service: { token_ttl: '1h' },
      short: { token_ttl: '3s', token_max_ttl: '6s' },
      batch: { token_ttl: '3s', token_type: 'batch' },
    };
    for (const [name, more] of Object.entries(roles)) {
      await bao.expectOk('POST', `auth/${mount}/role/${name}`, { ...role, ...more }, at);
    }
  }

  const connect = (options: Partial<KubernetesAuthOptions> = {}, namespace = '') => {
    const auth = kubernetesAuth({ mountPath: 'k8s/prod', role: 'service', tokenFile, namespace: '', ...options });
    const client = new VaultClient({ address: bao.address, tls: { verify: true, caPem: bao.caPem ?? '' } }, auth);
    return { client, kv: openKeyValue(client, { namespace, mountPath: 'kv', version: 2 }) };
  };
  type Refusal = readonly [string, () => Promise<string>, Partial<KubernetesAuthOptions>, Code];
  const audited = () =>
    readFileSync(auditFile, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ type }) => type === 'request');
  const since = (start: number) => audited().slice(start);
  const pathsOf = (requests: readonly { request: { path: string } }[]) => requests.map(({ request }) => request.path);

  test('logs in and reads what it wrote', async () => {
    const { kv } = connect();
    await kv.create('pvc-2', { data: { passphrase: 'x' } });
    expect(await kv.read('pvc-2')).toEqual({ data: { data: { passphrase: 'x' } }, version: '1' });
  });

  test('logs in once for all who ask at the same time (R9)', async () => {
    const start = audited().length;
    const { kv } = connect();
    await Promise.all(Array.from({ length: 20 }, () => kv.read('pvc-1')));
    expect(pathsOf(since(start)).filter((path) => path === 'auth/k8s/prod/login')).toHaveLength(1);
  });

  test('logs in in the auth namespace and works in a namespace below it (trap 7)', async () => {
    const start = audited().length;
    const { kv } = connect({ namespace: 'team-a', mountPath: 'kubernetes' }, 'team-a/db');
    await kv.create('pvc-1', { data: { passphrase: 'y' } });
    expect((await kv.read('pvc-1'))?.version).toBe('1');
    const [login, write] = since(start);
    expect(login.request).toMatchObject({ path: 'auth/kubernetes/login', namespace: { path: 'team-a/' } });
    expect(write.request).toMatchObject({ path: 'kv/data/pvc-1', namespace: { path: 'team-a/db/' } });
  });

  test('logs in again when its token was revoked, once for all who notice (R10)', async () => {
    const { kv } = connect();
    await kv.read('pvc-1');
    await bao.expectOk('PUT', 'sys/leases/revoke-prefix/auth/k8s/prod', { sync: true });
    const start = audited().length;
    const entries = await Promise.all(Array.from({ length: 10 }, () => kv.read('pvc-1')));
    expect(entries.every((entry) => entry?.version === '1')).toBe(true);
    expect(pathsOf(since(start)).filter((path) => path === 'auth/k8s/prod/login')).toHaveLength(1);
  });

  test('reads the service account token anew at each login', async () => {
    const { kv } = connect();
    await kv.read('pvc-1');
    writeFileSync(tokenFile, 'not a token');
    await kv.read('pvc-1');
    await bao.expectOk('PUT', 'sys/leases/revoke-prefix/auth/k8s/prod', { sync: true });
    await expect(kv.read('pvc-1')).toRejectWithCode('KMS_DENIED');
    writeFileSync(tokenFile, await kubernetes.serviceAccountToken('keyward', 'node', ['vault']));
    expect((await kv.read('pvc-1'))?.version).toBe('1');
  });

  test.each(['short', 'batch'])('lives on with tokens of the role "%s", never refused', async (role) => {
    const { kv } = connect({ role });
    const start = audited().length;
    const until = Date.now() + 8_000;
    while (Date.now() < until) {
      expect((await kv.read('pvc-1'))?.version).toBe('1');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const paths = pathsOf(since(start));
    const [logins, renewals] = ['auth/k8s/prod/login', 'auth/token/renew-self'].map(
      (wanted) => paths.filter((path) => path === wanted).length,
    );
    expect(logins).toBeGreaterThanOrEqual(2);
    expect(logins).toBeLessThanOrEqual(5);
    expect(renewals === 0).toBe(role === 'batch');
  });

  test.each([
    ['another audience', () => kubernetes.serviceAccountToken('keyward', 'node', ['elsewhere']), {}, 'KMS_DENIED'],
    [
      'another service account',
      () => kubernetes.serviceAccountToken('keyward', 'stranger', ['vault']),
      {},
      'KMS_DENIED',
    ],
    ['a forged token', async () => `${readFileSync(tokenFile, 'utf8').slice(0, -8)}AAAAAAAA`, {}, 'KMS_DENIED'],
    ['an unknown role', async () => readFileSync(tokenFile, 'utf8'), { role: 'absent' }, 'KMS_DENIED'],
    ['an unknown mount', async () => readFileSync(tokenFile, 'utf8'), { mountPath: 'absent' }, 'KMS_DENIED'],
    ['an unknown namespace', async () => readFileSync(tokenFile, 'utf8'), { namespace: 'absent' }, 'CONFIG_INVALID'],
    ['no token', async () => '', {}, 'CONFIG_UNREADABLE'],
  ] as const satisfies readonly Refusal[])('refuses %s, without showing the token', async (_, token, options, code) => {
    const jwt = await token();
    writeFileSync(tokenFile, jwt);
    const error: unknown = await connect(options)
      .kv.read('pvc-1')
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code });
    if (jwt !== '') expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain(jwt);
    if ('role' in options) expect(String(error)).toContain('absent');
  });

  test('a Kubernetes API that is away at the login: an error, and recovery when it is back', async () => {
    const { kv } = connect();
    await kv.read('pvc-1');
    await bao.expectOk('PUT', 'sys/leases/revoke-prefix/auth/k8s/prod', { sync: true });
    await bao.expectOk('POST', 'auth/k8s/prod/config', {
      kubernetes_host: 'https://127.0.0.1:1',
      kubernetes_ca_cert: kubernetes.caPem,
      token_reviewer_jwt: kubernetes.adminToken,
      disable_local_ca_jwt: true,
    });
    const error: unknown = await kv.read('pvc-1').catch((reason: unknown) => reason);

    // OpenBao does not tell its own trouble from a wrong token: both are «permission denied».
    expect(error).toMatchObject({ code: 'KMS_DENIED' });
    await bao.expectOk('POST', 'auth/k8s/prod/config', {
      kubernetes_host: kubernetes.url,
      kubernetes_ca_cert: kubernetes.caPem,
      token_reviewer_jwt: kubernetes.adminToken,
      disable_local_ca_jwt: true,
    });
    expect((await kv.read('pvc-1'))?.version).toBe('1');
  });
});
