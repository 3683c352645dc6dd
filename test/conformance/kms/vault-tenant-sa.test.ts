/** KMS type `vaulttenantsa` against the conformance suite: tokens of a real kube-apiserver, reviewed for a real OpenBao. */
import type { KmsProps } from '../../../lib/schema/kms';
import { Kms } from '../../../runtime/kms/kms';
import type { Secret } from '../../../runtime/secret';
import { describeWith } from '../../harness/describe-with';
import { describeKmsProvider, type KmsHarness } from './kms-conformance';
import { MemoryStore } from './memory-store';
import { enableKubernetesAuth, policyFor, startTenantFixture, type TenantFixture } from './tenant-fixture';

jest.setTimeout(180_000);

const none = { secrets: new Map<string, Secret>() };
const versioned = { family: 'stores', isAtomic: true } as const;

const declared = (address: string): Record<string, KmsProps> => {
  const base = { type: 'vaulttenantsa', address, backendPath: 'shared', tls: { caFromSecret: 'vault-ca' } } as const;
  const prefixed = { ...base, tenantPrefix: true, audience: 'vault' } as const;
  return {
    prefixed,
    batch: { ...prefixed, role: 'batch' },
    namespaced: {
      ...base,
      backendPath: 'db-keys',
      namespace: 'root-a/db',
      authNamespace: 'root-a',
      mountPath: 'k8s/prod',
      role: 'volumes',
      tenantSAName: 'volume-keys',
    },
    otherAudience: { ...prefixed, audience: 'elsewhere' },
    noAudience: { ...base, tenantPrefix: true },
    noRole: { ...prefixed, role: 'absent' },
    noMount: { ...prefixed, mountPath: 'absent' },
    noAccount: { ...prefixed, tenantSAName: 'absent' },
    stranger: { ...prefixed, tenantSAName: 'stranger' },
    overridden: { ...prefixed, role: 'absent', tenantConfigName: 'own-account' },
  };
};

describeWith(['openbao', 'etcd', 'kube-apiserver', 'openssl'], 'on OpenBao and kube-apiserver', () => {
  let fixture: TenantFixture;

  beforeAll(async () => {
    fixture = await startTenantFixture(declared, { tls: true });
    const { bao, kubernetes } = fixture;
    for (const name of ['ceph-csi-vault-sa', 'volume-keys', 'stranger']) {
      for (const tenant of ['shop', 'billing']) {
        await kubernetes.expectOk('POST', `/api/v1/namespaces/${tenant}/serviceaccounts`, { metadata: { name } });
      }
    }
    await fixture.putSecret('keyward-system', 'vault-ca', { cert: bao.caPem ?? '' });
    await bao.expectOk('POST', 'sys/mounts/shared', { type: 'kv', options: { version: '2' } });
    const accessor = await enableKubernetesAuth(fixture, 'kubernetes');
    // One policy for all tenants: the identity of whoever logged in fills the gap.
    const own = `{{identity.entity.aliases.${accessor}.metadata.service_account_namespace}}/`;
    await bao.expectOk('PUT', 'sys/policies/acl/tenant-keys', { policy: policyFor('shared', own) });
    const role = {
      bound_service_account_names: 'ceph-csi-vault-sa',
      bound_service_account_namespaces: 'shop,billing',
      audience: 'vault',
      token_policies: 'tenant-keys',
      token_ttl: '1h',
    };
    await bao.expectOk('POST', 'auth/kubernetes/role/csi-kubernetes', role);
    await bao.expectOk('POST', 'auth/kubernetes/role/batch', { ...role, token_type: 'batch' });

    await bao.expectOk('PUT', 'sys/namespaces/root-a', {});
    await bao.expectOk('PUT', 'sys/namespaces/db', {}, { namespace: 'root-a' });
    await bao.expectOk(
      'POST',
      'sys/mounts/db-keys',
      { type: 'kv', options: { version: '2' } },
      { namespace: 'root-a/db' },
    );
    await enableKubernetesAuth(fixture, 'k8s/prod', 'root-a');
    const policy = policyFor('db/db-keys', '');
    await bao.expectOk('PUT', 'sys/policies/acl/volumes', { policy }, { namespace: 'root-a' });
    const other = { ...role, bound_service_account_names: 'volume-keys', audience: '', token_policies: 'volumes' };
    await bao.expectOk('POST', 'auth/k8s/prod/role/volumes', other, { namespace: 'root-a' });
    await fixture.putConfigMap('shop', 'own-account', {
      vaultRole: 'csi-kubernetes',
      vaultAuthPath: '/v1/auth/kubernetes/login',
    });
  });
  afterAll(() => fixture?.stop());

  const fault = (name: string, code: string, kmsId: string) => ({
    name,
    code,
    makeProvider: () => fixture.provider(kmsId),
  });
  const harness = (kmsId: string, faults: KmsHarness['faults'] = []): KmsHarness => ({
    makeProvider: () => fixture.provider(kmsId),
    context: () => none,
    faults,
  });

  describeKmsProvider('vaulttenantsa (a prefix and one templated policy for all tenants)', versioned, async () =>
    harness('prefixed', [
      fault('another audience', 'KMS_DENIED', 'otherAudience'),
      fault('the audience of the API server where the role wants another', 'KMS_DENIED', 'noAudience'),
      fault('an unknown role', 'KMS_DENIED', 'noRole'),
      fault('an unknown mount', 'KMS_DENIED', 'noMount'),
      fault('no such ServiceAccount', 'SECRET_MISSING', 'noAccount'),
      fault('a ServiceAccount that the role does not take', 'KMS_DENIED', 'stranger'),
      {
        name: 'an account that the agent does not serve',
        code: 'KMS_DENIED',
        makeProvider: () => fixture.provider('prefixed', { tenantSAName: 'default' }),
      },
      {
        name: 'an audience that the agent does not ask for',
        code: 'KMS_DENIED',
        makeProvider: () => fixture.provider('prefixed', { audience: 'https://kubernetes.default.svc' }),
      },
    ]),
  );

  describeKmsProvider('vaulttenantsa (batch tokens)', versioned, async () => harness('batch'));

  describeKmsProvider(
    'vaulttenantsa (login in one namespace, keys in another, the API server’s audience)',
    versioned,
    async () => harness('namespaced'),
  );

  describeKmsProvider('vaulttenantsa (role and mount from the tenant’s ConfigMap)', versioned, async () =>
    harness('overridden'),
  );

  test('1,000 fetches for a tenant cost 1,000 reads and at most 5 requests more, counted by the audit log (R9)', async () => {
    const kms = new Kms({ kmsId: 'prefixed' }, fixture.provider('prefixed'));
    const ref = { volumeId: 'pvc-r9', owner: 'shop' };
    await kms.ensure(ref, none, new MemoryStore());
    await kms.close();
    const fresh = new Kms({ kmsId: 'prefixed' }, fixture.provider('prefixed'));
    const before = fixture.audited().length;
    for (let batch = 0; batch < 20; batch += 1) {
      await Promise.all(Array.from({ length: 50 }, () => fresh.fetch(ref, none, new MemoryStore())));
    }
    const requests = fixture.audited().slice(before);
    const reads = requests.filter((line) => line === 'read shared/data/shop/pvc-r9');
    expect(reads).toHaveLength(1_000);
    expect(requests.length - reads.length).toBeLessThanOrEqual(5);
    await fresh.close();
  });
});
