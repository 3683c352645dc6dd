/**
 * 100 concurrent fetches for two tenants while a real OpenBao is sealed, restarted, throttles, or takes token and role
 * away: no wrong key, no lost key, errors that tell the kubelet what to do, and recovery without a new object.
 */
import { status } from '@grpc/grpc-js';
import type { KmsProps } from '../../lib/schema/kms';
import type { Code } from '../../runtime/errors';
import { statusOfCode } from '../../runtime/grpc/status';
import { Kms } from '../../runtime/kms/kms';
import type { Secret } from '../../runtime/secret';
import { MemoryStore } from '../conformance/kms/memory-store';
import {
  configureKubernetesAuth,
  enableKubernetesAuth,
  policyFor,
  startTenantFixture,
  type TenantFixture,
} from '../conformance/kms/tenant-fixture';
import { describeWith } from '../harness/describe-with';

jest.setTimeout(180_000);

const none = { secrets: new Map<string, Secret>() };
const store = new MemoryStore();
const volumes = Array.from({ length: 10 }, (_, index) => `pvc-${index}`);

const declared = (address: string): Record<'tokens' | 'accounts', KmsProps> => ({
  tokens: { type: 'vaulttokens', address, backendPath: 'shared', tenantPrefix: true },
  accounts: { type: 'vaulttenantsa', address, backendPath: 'shared', tenantPrefix: true, audience: 'vault' },
});

describeWith(['openbao', 'etcd', 'kube-apiserver', 'openssl'], '100 concurrent fetches of tenants', () => {
  let fixture: TenantFixture;
  const keys = new Map<string, Secret>();
  const tokens = new Map<string, string>();
  const kms = new Map<string, Kms>();
  const role = {
    bound_service_account_names: 'ceph-csi-vault-sa',
    bound_service_account_namespaces: 'shop,billing',
    audience: 'vault',
    token_policies: 'tenants',
    token_ttl: '1h',
  };

  beforeAll(async () => {
    fixture = await startTenantFixture(declared, { storage: 'file' });
    const { bao, kubernetes } = fixture;
    await bao.expectOk('POST', 'sys/mounts/shared', { type: 'kv', options: { version: '2' } });
    const accessor = await enableKubernetesAuth(fixture, 'kubernetes');
    const own = `{{identity.entity.aliases.${accessor}.metadata.service_account_namespace}}/`;
    await bao.expectOk('PUT', 'sys/policies/acl/tenants', { policy: policyFor('shared', own) });
    await bao.expectOk('POST', 'auth/kubernetes/role/csi-kubernetes', role);
    for (const tenant of ['shop', 'billing']) {
      await bao.expectOk('PUT', `sys/policies/acl/${tenant}`, { policy: policyFor('shared', `${tenant}/`) });
      await newToken(tenant);
      const account = { metadata: { name: 'ceph-csi-vault-sa' } };
      await kubernetes.expectOk('POST', `/api/v1/namespaces/${tenant}/serviceaccounts`, account);
    }
    for (const kmsId of ['tokens', 'accounts'])
      kms.set(kmsId, new Kms({ kmsId, attempts: 2 }, fixture.provider(kmsId)));
    for (const owner of ['shop', 'billing']) {
      for (const volumeId of volumes) {
        const { dek } = await held('tokens').ensure({ volumeId, owner }, none, store);
        keys.set(`${owner}/${volumeId}`, dek);
      }
    }
  });
  afterAll(async () => {
    for (const each of kms.values()) await each.close();
    await fixture?.stop();
  });

  const held = (kmsId: string): Kms => {
    const found = kms.get(kmsId);
    if (!found) throw new Error('unreachable');
    return found;
  };
  async function newToken(tenant: string): Promise<void> {
    const { body } = await fixture.bao.expectOk('POST', 'auth/token/create', { policies: [tenant], ttl: '1h' });
    tokens.set(tenant, body.auth.client_token);
    await fixture.putSecret(tenant, 'ceph-csi-kms-token', { token: body.auth.client_token });
  }
  /** 100 at once, over types, tenants and volumes. A key that comes is the right one, or the test ends here. */
  const storm = async (kmsIds = ['tokens', 'accounts']): Promise<ReadonlyMap<string, number>> => {
    const counts = new Map<string, number>();
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const owner = index % 2 === 0 ? 'shop' : 'billing';
        const volumeId = volumes[index % volumes.length] ?? '';
        const from = held(kmsIds[Math.floor(index / 2) % kmsIds.length] ?? '');
        const code = await from.fetch({ volumeId, owner }, none, store).then(
          ({ dek }) => {
            expect(keys.get(`${owner}/${volumeId}`)?.equals(dek)).toBe(true);
            return 'OK';
          },
          (error: { code: Code }) => status[statusOfCode[error.code]],
        );
        counts.set(code, (counts.get(code) ?? 0) + 1);
      }),
    );
    return counts;
  };
  const allOk = new Map([['OK', 100]]);
  /** Without a restart, and within what a kubelet would repeat in. */
  const recovers = async () => {
    const until = Date.now() + 30_000;
    let counts = await storm();
    while (counts.get('OK') !== 100 && Date.now() < until) counts = await storm();
    expect(counts).toEqual(allOk);
  };
  const only = (counts: ReadonlyMap<string, number>, ...allowed: string[]) =>
    expect([...counts.keys()].filter((code) => !allowed.includes(code))).toEqual([]);

  test('all is well: every fetch gives its own key', async () => {
    expect(await storm()).toEqual(allOk);
  });

  test('sealed: Unavailable; unsealed: all keys are there', async () => {
    await fixture.bao.seal();
    expect(await storm()).toEqual(new Map([['UNAVAILABLE', 100]]));
    const during = storm();
    await fixture.bao.unseal();
    only(await during, 'OK', 'UNAVAILABLE');
    await recovers();
  });

  test('restarted: Unavailable meanwhile, then all keys are there', async () => {
    await fixture.bao.halt();
    expect(await storm()).toEqual(new Map([['UNAVAILABLE', 100]]));
    const during = storm();
    await fixture.bao.resume();
    only(await during, 'OK', 'UNAVAILABLE');
    await recovers();
  });

  test('token revoked: PermissionDenied for that tenant alone; a new one counts at the next call', async () => {
    await fixture.bao.expectOk('POST', 'auth/token/revoke', { token: tokens.get('shop') });
    const counts = await storm(['tokens']);
    expect(counts).toEqual(
      new Map([
        ['PERMISSION_DENIED', 50],
        ['OK', 50],
      ]),
    );
    await newToken('shop');
    await recovers();
  });

  test('tokens of logins revoked: not noticed, and two logins for a hundred callers', async () => {
    await recovers();
    await fixture.bao.expectOk('PUT', 'sys/leases/revoke-prefix/auth/kubernetes', { sync: true });
    const before = fixture.audited().length;
    expect(await storm(['accounts'])).toEqual(allOk);
    const logins = fixture
      .audited()
      .slice(before)
      .filter((line) => line.endsWith('auth/kubernetes/login'));
    expect(logins).toHaveLength(2);
  });

  test('role deleted: PermissionDenied; restored: all keys are there', async () => {
    await fixture.bao.expectOk('DELETE', 'auth/kubernetes/role/csi-kubernetes');
    await fixture.bao.expectOk('PUT', 'sys/leases/revoke-prefix/auth/kubernetes', { sync: true });
    expect(await storm(['accounts'])).toEqual(new Map([['PERMISSION_DENIED', 100]]));
    await fixture.bao.expectOk('POST', 'auth/kubernetes/role/csi-kubernetes', role);
    await recovers();
  });

  test('policy taken away: PermissionDenied, at the price of a few logins; given back: all keys are there', async () => {
    const { body } = await fixture.bao.expectOk('GET', 'sys/policies/acl/tenants');
    await fixture.bao.expectOk('PUT', 'sys/policies/acl/tenants', {
      policy: 'path "none" { capabilities = ["deny"] }',
    });
    const before = fixture.audited().length;
    for (let round = 0; round < 3; round += 1) {
      expect(await storm(['accounts'])).toEqual(new Map([['PERMISSION_DENIED', 100]]));
    }
    const logins = fixture
      .audited()
      .slice(before)
      .filter((line) => line.endsWith('auth/kubernetes/login'));
    expect(logins.length).toBeLessThanOrEqual(6);
    await fixture.bao.expectOk('PUT', 'sys/policies/acl/tenants', { policy: body.data.policy });
    await recovers();
  });

  test('a storm of 429: Unavailable, none lost', async () => {
    const quota = 'sys/quotas/rate-limit/shared';
    await fixture.bao.expectOk('POST', quota, { path: 'shared/', rate: 5, interval: '1s' });
    const counts = await storm();
    only(counts, 'OK', 'UNAVAILABLE');
    expect(counts.get('UNAVAILABLE')).toBeGreaterThan(0);
    await fixture.bao.expectOk('DELETE', quota);
    await recovers();
  });

  test('Kubernetes restarted while tenants log in: Unavailable or Denied at worst, then well', async () => {
    await fixture.bao.expectOk('PUT', 'sys/leases/revoke-prefix/auth/kubernetes', { sync: true });
    const restarting = fixture.kubernetes.restart();
    // OpenBao cannot review a token then, and does not tell that from a wrong one: both are «permission denied».
    only(await storm(), 'OK', 'UNAVAILABLE', 'PERMISSION_DENIED');
    await restarting;
    await recovers();
  });

  test('a reviewer that cannot be reached: PermissionDenied; mended: well again', async () => {
    await configureKubernetesAuth(fixture, 'kubernetes', 'https://127.0.0.1:1');
    await fixture.bao.expectOk('PUT', 'sys/leases/revoke-prefix/auth/kubernetes', { sync: true });
    expect(await storm(['accounts'])).toEqual(new Map([['PERMISSION_DENIED', 100]]));
    await configureKubernetesAuth(fixture, 'kubernetes', fixture.kubernetes.url);
    await recovers();
  });

  test('token Secret deleted: FailedPrecondition for that tenant alone, and no word of the other; made again: well', async () => {
    await fixture.remove('/api/v1/namespaces/shop/secrets/ceph-csi-kms-token');
    await new Promise((resolve) => setTimeout(resolve, 9_000));
    expect(await storm(['tokens'])).toEqual(
      new Map([
        ['FAILED_PRECONDITION', 50],
        ['OK', 50],
      ]),
    );
    await newToken('shop');
    await recovers();
  });
});
