/**
 * The tenant matrix on a real OpenBao and a real Kubernetes API: whatever tenant `shop` configures, it never reads, writes
 * or deletes a key of tenant `billing`. Isolation is made of the driver's own rules and of policies that Vault enforces.
 */
import type { KmsProps } from '../../lib/schema/kms';
import type { Code } from '../../runtime/errors';
import { Kms } from '../../runtime/kms/kms';
import type { KeyReference } from '../../runtime/kms/provider';
import { Secret } from '../../runtime/secret';
import { MemoryStore } from '../conformance/kms/memory-store';
import {
  enableKubernetesAuth,
  policyFor,
  startTenantFixture,
  type TenantFixture,
} from '../conformance/kms/tenant-fixture';
import { describeWith } from '../harness/describe-with';
import { answer, type LocalServer, serve } from '../unit/vault/local-server';

jest.setTimeout(180_000);

const none = { secrets: new Map<string, Secret>() };
const store = new MemoryStore();
const kmsIds = ['token', 'token-mounts', 'account'] as const;
type KmsId = (typeof kmsIds)[number];

const declared = (address: string): Record<KmsId, KmsProps> => ({
  token: { type: 'vaulttokens', address, backendPath: 'shared', tenantPrefix: true },
  'token-mounts': { type: 'vaulttokens', address, tenantConfigName: 'mounts' },
  account: { type: 'vaulttenantsa', address, backendPath: 'shared', tenantPrefix: true, audience: 'vault' },
});

describeWith(['openbao', 'etcd', 'kube-apiserver', 'openssl'], 'tenants on OpenBao and kube-apiserver', () => {
  let fixture: TenantFixture;
  let elsewhere: LocalServer;
  const tokens = new Map<string, string>();

  beforeAll(async () => {
    // Nothing is remembered, so that each case begins with what it configures.
    fixture = await startTenantFixture(declared, { agent: { cache: { foundMs: 0, absentMs: 0 } } });
    const { bao, kubernetes } = fixture;
    for (const mount of ['shared', 'shop-keys', 'billing-keys']) {
      await bao.expectOk('POST', `sys/mounts/${mount}`, { type: 'kv', options: { version: '2' } });
    }
    await bao.expectOk('PUT', 'sys/namespaces/billing-ns', {});
    await bao.expectOk(
      'POST',
      'sys/mounts/shared',
      { type: 'kv', options: { version: '2' } },
      { namespace: 'billing-ns' },
    );
    for (const tenant of ['shop', 'billing']) {
      const policy = `${policyFor('shared', `${tenant}/`)}\n${policyFor(`${tenant}-keys`, '')}`;
      await bao.expectOk('PUT', `sys/policies/acl/${tenant}`, { policy });
      const { body } = await bao.expectOk('POST', 'auth/token/create', { policies: [tenant], ttl: '1h' });
      tokens.set(tenant, body.auth.client_token);
      await fixture.putSecret(tenant, 'ceph-csi-kms-token', { token: body.auth.client_token });
      await fixture.putConfigMap(tenant, 'mounts', { vaultBackendPath: `${tenant}-keys` });
      const account = { metadata: { name: 'ceph-csi-vault-sa' } };
      await kubernetes.expectOk('POST', `/api/v1/namespaces/${tenant}/serviceaccounts`, account);
    }
    const accessor = await enableKubernetesAuth(fixture, 'kubernetes');
    const own = `{{identity.entity.aliases.${accessor}.metadata.service_account_namespace}}/`;
    await bao.expectOk('PUT', 'sys/policies/acl/tenants', { policy: policyFor('shared', own) });
    const role = { bound_service_account_names: 'ceph-csi-vault-sa', audience: 'vault' };
    const all = { ...role, bound_service_account_namespaces: 'shop,billing', token_policies: 'tenants' };
    await bao.expectOk('POST', 'auth/kubernetes/role/csi-kubernetes', all);
    const one = { ...role, bound_service_account_namespaces: 'billing', token_policies: 'billing' };
    await bao.expectOk('POST', 'auth/kubernetes/role/billing', one);
    elsewhere = await serve((_, response) => answer(response, 200, { data: { data: null, metadata: { version: 1 } } }));
  });
  afterAll(async () => {
    await elsewhere?.[Symbol.asyncDispose]();
    await fixture?.stop();
  });
  beforeEach(() => fixture.remove('/api/v1/namespaces/shop/configmaps/ceph-csi-kms-config'));

  const pathOf = (kmsId: KmsId, tenant: string, id: string) =>
    kmsId === 'token-mounts' ? `${tenant}-keys/data/${id}` : `shared/data/${tenant}/${id}`;
  const stored = async (kmsId: KmsId, id: string) =>
    (await fixture.bao.request('GET', pathOf(kmsId, 'billing', id))).body.data;
  const open = async <T>(kmsId: KmsId, use: (kms: Kms) => Promise<T>): Promise<T> => {
    const kms = new Kms({ kmsId, attempts: 1 }, fixture.provider(kmsId));
    try {
      return await use(kms);
    } finally {
      await kms.close();
    }
  };
  const settle = async (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      (value) => value,
      (error: unknown) => error,
    );
  let count = 0;
  /** Everything that `shop` can make the driver do with the id of a volume of `billing`. */
  const attack = async (kmsId: KmsId): Promise<{ readonly codes: readonly string[] }> => {
    const id = `pvc-${++count}`;
    const [victim, thief]: KeyReference[] = ['billing', 'shop'].map((owner) => ({ volumeId: id, owner }));
    if (!victim || !thief) throw new Error('unreachable');
    const made = await open(kmsId, (kms) => kms.ensure(victim, none, store));
    const before = await stored(kmsId, id);
    expect(before.data).toBeDefined();
    const results = await open(kmsId, async (kms) => [
      await settle(kms.fetch(thief, none, store)),
      await settle(kms.ensure(thief, none, store)),
      await settle(kms.replace(thief, Secret.fromText('stolen-stolen-stolen'), made, none, store)),
      await settle(kms.remove(thief, none)),
    ]);
    for (const result of results) {
      if (typeof result === 'object' && result !== null && 'dek' in result) {
        expect((result.dek as Secret).equals(made.dek)).toBe(false);
      }
    }
    expect(await stored(kmsId, id)).toEqual(before);
    const again = await open(kmsId, (kms) => kms.fetch(victim, none, store));
    expect(again.dek.equals(made.dek)).toBe(true);
    return {
      codes: results.map((each) => (each instanceof Error && 'code' in each ? String(each.code) : 'OK')),
    };
  };

  test.each(kmsIds)(
    '%s: the id of a foreign volume leads to a key of one’s own, never to the foreign one',
    async (kmsId) => {
      const { codes } = await attack(kmsId);
      expect(codes).toEqual(['KMS_KEY_NOT_FOUND', 'OK', 'KMS_CONFLICT', 'OK']);
    },
  );

  const hostile: readonly [string, Readonly<Record<string, string>>, Partial<Record<KmsId, Code | 'unchanged'>>][] = [
    ['the mount of the other', { vaultBackendPath: 'billing-keys' }, { token: 'KMS_DENIED', account: 'KMS_DENIED' }],
    [
      'the folder of the other',
      { vaultBackendPath: 'shared/data/billing' },
      { token: 'KMS_DENIED', account: 'KMS_DENIED' },
    ],
    ['the namespace of the other', { vaultNamespace: 'billing-ns' }, { token: 'KMS_DENIED', account: 'KMS_DENIED' }],
    [
      'a path upwards',
      { vaultBackendPath: 'shared/../billing-keys' },
      { token: 'CONFIG_INVALID', account: 'CONFIG_INVALID' },
    ],
    [
      'an encoded path',
      { vaultBackendPath: 'shared%2Fdata%2Fbilling' },
      { token: 'CONFIG_INVALID', account: 'CONFIG_INVALID' },
    ],
    ['a query', { vaultBackendPath: 'shared?list=true' }, { token: 'CONFIG_INVALID', account: 'CONFIG_INVALID' }],
    [
      'a header',
      { vaultAuthNamespace: 'a\r\nX-Vault-Token: x' },
      { token: 'CONFIG_INVALID', account: 'CONFIG_INVALID' },
    ],
    ['an address with a password', { vaultAddress: 'http://root:x@127.0.0.1:1' }, { token: 'CONFIG_INVALID' }],
    ['no address', { vaultAddress: '' }, { token: 'CONFIG_INVALID', account: 'CONFIG_INVALID' }],
    ['a boolean that is none', { vaultCAVerify: 'yes' }, { token: 'CONFIG_INVALID', account: 'CONFIG_INVALID' }],
    ['the role of the other', { vaultRole: 'billing' }, { token: 'unchanged', account: 'KMS_DENIED' }],
    ['another login path', { vaultAuthPath: 'token/create' }, { token: 'unchanged', account: 'KMS_DENIED' }],
    ['another account', { tenantSAName: 'default' }, { token: 'unchanged', account: 'KMS_DENIED' }],
    ['another token Secret', { tenantTokenName: 'other' }, { token: 'unchanged', account: 'unchanged' }],
    ['no prefix', { tenantKeyPrefix: 'false' }, { token: 'unchanged', account: 'unchanged' }],
    [
      'other tenants',
      { tenants: '{"billing":{}}', tenantOverrides: 'documented' },
      { token: 'unchanged', account: 'unchanged' },
    ],
    ['a CA that no Role names', { vaultCAFromSecret: 'absent' }, { token: 'KMS_DENIED', account: 'KMS_DENIED' }],
    [
      'keys in capitals',
      { VAULT_ADDR: 'http://127.0.0.1:1', KMS_PROVIDER: 'vault' },
      { token: 'unchanged', account: 'unchanged' },
    ],
    [
      'a client certificate',
      { vaultClientCertFromSecret: 'ceph-csi-kms-token' },
      { token: 'unchanged', account: 'unchanged' },
    ],
  ];
  const cases = hostile.flatMap(([name, config, outcomes]) =>
    Object.entries(outcomes).map(([kmsId, outcome]) => [kmsId as KmsId, name, config, outcome] as const),
  );

  test.each(cases)('%s: a ConfigMap with %s does not help', async (kmsId, _, config, outcome) => {
    await fixture.putConfigMap('shop', 'ceph-csi-kms-config', config);
    const { codes } = await attack(kmsId);
    if (outcome === 'unchanged') expect(codes).toEqual(['KMS_KEY_NOT_FOUND', 'OK', 'KMS_CONFLICT', 'OK']);
    else expect(codes).toEqual([outcome, outcome, outcome, outcome]);
  });

  test('an address of its own receives the tenant’s own token, and no other', async () => {
    await fixture.putConfigMap('shop', 'ceph-csi-kms-config', { vaultAddress: elsewhere.address });
    await attack('token');
    const shown = elsewhere.requests.map(({ headers }) => headers['x-vault-token']);
    expect(new Set(shown)).toEqual(new Set([tokens.get('shop')]));
  });

  test('"False" and other texts are no order to destroy: a deleted key can be brought back', async () => {
    await fixture.putConfigMap('shop', 'ceph-csi-kms-config', { vaultDestroyKeys: 'True' });
    const ref = { volumeId: 'pvc-kept', owner: 'shop' };
    const made = await open('token', (kms) => kms.ensure(ref, none, store));
    await open('token', (kms) => kms.remove(ref, none));
    await fixture.bao.expectOk('PUT', 'shared/undelete/shop/pvc-kept', { versions: [1] });
    expect((await open('token', (kms) => kms.fetch(ref, none, store))).dek.equals(made.dek)).toBe(true);
  });

  test.each(['', '../billing', 'Billing', 'billing/..', 'a b', 'x'.repeat(64)])(
    'refuses %j as a tenant',
    async (owner) => {
      const code = owner === '' ? 'SECRET_MISSING' : 'REQUEST_INVALID';
      for (const kmsId of kmsIds) {
        const call = open(kmsId, (kms) => kms.ensure({ volumeId: 'pvc-x', owner }, none, store));
        await expect(call).toRejectWithCode(code);
      }
    },
  );

  test.each(kmsIds)('%s: refuses a namespace that is not one of the tenants', async (kmsId) => {
    const call = open(kmsId, (kms) => kms.ensure({ volumeId: 'pvc-x', owner: 'stranger' }, none, store));
    await expect(call).toRejectWithCode('KMS_DENIED');
  });

  test('a tenant that is given another mount does not lose a key in silence: its removal is refused', async () => {
    const ref = { volumeId: 'pvc-moved', owner: 'shop' };
    const location = await open('token', (kms) => kms.locate(ref, none));
    await open('token', (kms) => kms.ensure(ref, none, store));
    await fixture.putConfigMap('shop', 'ceph-csi-kms-config', { vaultBackendPath: 'shop-keys' });
    await expect(open('token', (kms) => kms.remove({ ...ref, location }, none))).toRejectWithCode('CONFIG_INVALID');
    expect((await fixture.bao.request('GET', 'shared/data/shop/pvc-moved')).status).toBe(200);
  });
});
