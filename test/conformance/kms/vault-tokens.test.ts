/** KMS type `vaulttokens` against the conformance suite, on a real OpenBao with TLS and a real Kubernetes API behind the tenant agent. */
import type { KmsProps } from '../../../lib/schema/kms';
import { vaultTokensProvider } from '../../../runtime/kms/vault-tokens/provider';
import type { Secret } from '../../../runtime/secret';
import { TenantAgentClient } from '../../../runtime/tenant-agent/client';
import { createCertificateAuthority } from '../../harness/certificates';
import { describeWith } from '../../harness/describe-with';
import { describeKmsProvider, type KmsHarness } from './kms-conformance';
import { policyFor, startTenantFixture, type TenantFixture } from './tenant-fixture';

jest.setTimeout(180_000);

const none = { secrets: new Map<string, Secret>() };
const versioned = { family: 'stores', isAtomic: true } as const;
const plain = { family: 'stores', isAtomic: false } as const;

const declared = (address: string): Record<string, KmsProps> => {
  const base = { type: 'vaulttokens', address, tls: { caFromSecret: 'vault-ca' } } as const;
  return {
    prefixed: { ...base, backendPath: 'shared', tenantPrefix: true },
    configured: { ...base, backend: 'detect' },
    plain: {
      ...base,
      backend: 'kv',
      backendPath: 'v1',
      tenantTokenName: 'v1-token',
      overrides: 'none',
      deletion: 'destroy',
    },
    absent: { ...base, tenantTokenName: 'absent' },
    dead: { ...base, tenantTokenName: 'dead' },
    broken: { ...base, tenantTokenName: 'broken' },
    keyless: { ...base, tenantTokenName: 'keyless' },
    foreignCa: { ...base, tls: { caFromSecret: 'foreign-ca' } },
    noCa: { ...base, tls: { caFromSecret: 'absent-ca' } },
    noCaKey: { ...base, tls: { caFromSecret: 'keyless' } },
    brokenCa: { ...base, tls: { caFromSecret: 'broken-ca' } },
    systemCa: { ...base, tls: {} },
    name: { ...base, tls: { caFromSecret: 'vault-ca', serverName: 'vault.example.com' } },
    spoilt: { ...base, tenantConfigName: 'spoilt' },
  };
};

describeWith(['openbao', 'etcd', 'kube-apiserver', 'openssl'], 'on OpenBao and kube-apiserver', () => {
  let fixture: TenantFixture;

  beforeAll(async () => {
    fixture = await startTenantFixture(declared, { tls: true });
    const { bao } = fixture;
    await bao.expectOk('PUT', 'sys/namespaces/team-a', {});
    for (const [mount, version, namespace] of [
      ['shared', '2'],
      ['v1', '1'],
      ['own', '2', 'team-a'],
    ] as const) {
      const at = namespace === undefined ? {} : { namespace };
      await bao.expectOk('POST', `sys/mounts/${mount}`, { type: 'kv', options: { version } }, at);
    }
    const policies = {
      shop: `${policyFor('shared', 'shop/')}\npath "team-a/own/*" { capabilities = ["create", "update", "read", "delete"] }\npath "team-a/sys/mounts" { capabilities = ["read"] }`,
      v1: 'path "v1/*" { capabilities = ["create", "update", "read", "delete"] }',
    };
    for (const [name, policy] of Object.entries(policies)) {
      await bao.expectOk('PUT', `sys/policies/acl/${name}`, { policy });
    }
    await fixture.putSecret('shop', 'ceph-csi-kms-token', { token: `${await newToken('shop')}\n` });
    await fixture.putSecret('shop', 'v1-token', { token: await newToken('v1') });
    await fixture.putSecret('shop', 'dead', { token: 's.nosuchtokenatall' });
    await fixture.putSecret('shop', 'broken', { token: 'two\r\nlines' });
    await fixture.putSecret('shop', 'keyless', { other: 'x' });
    // The CA is the driver's: no tenant has one of its own.
    await fixture.putSecret('keyward-system', 'vault-ca', { cert: bao.caPem ?? '' });
    await fixture.putSecret('shop', 'foreign-ca', { cert: (await createCertificateAuthority(fixture.folder)).caPem });
    await fixture.putSecret('keyward-system', 'foreign-ca', { cert: bao.caPem ?? '' });
    await fixture.putSecret('shop', 'broken-ca', { cert: 'secret text in the wrong place' });
    await fixture.putConfigMap('shop', 'spoilt', { vaultAddress: 'ftp://vault' });
    // Takes the keys of `configured` into a namespace and a mount of the tenant's own; `prefixed` would follow it.
    await fixture.putConfigMap('shop', 'ceph-csi-kms-config', { vaultDestroyKeys: 'false' });
  });
  afterAll(() => fixture?.stop());

  const newToken = async (policy: string): Promise<string> => {
    const { body } = await fixture.bao.expectOk('POST', 'auth/token/create', { policies: [policy], ttl: '1h' });
    return body.auth.client_token;
  };
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

  describeKmsProvider(
    'vaulttokens (KV v2, a prefix for each tenant, recoverable by the tenant’s word)',
    versioned,
    async () =>
      harness('prefixed', [
        fault('no token Secret', 'SECRET_MISSING', 'absent'),
        fault('a dead token', 'KMS_DENIED', 'dead'),
        fault('a token that cannot be one', 'CONFIG_INVALID', 'broken'),
        fault('a Secret without the key', 'SECRET_MISSING', 'keyless'),
        fault('another CA, of the tenant, before that of the driver', 'KMS_TLS_UNTRUSTED', 'foreignCa'),
        fault('no CA anywhere', 'SECRET_MISSING', 'noCa'),
        fault('a CA Secret without the key', 'SECRET_MISSING', 'noCaKey'),
        fault('a CA that is none', 'CONFIG_INVALID', 'brokenCa'),
        fault('the CAs of the system', 'KMS_TLS_UNTRUSTED', 'systemCa'),
        fault('another server name', 'KMS_TLS_UNTRUSTED', 'name'),
        fault('a spoilt ConfigMap', 'CONFIG_INVALID', 'spoilt'),
        {
          name: 'a name that the agent does not serve',
          code: 'KMS_DENIED',
          makeProvider: () => fixture.provider('prefixed', { tenantTokenName: 'default-token' }),
        },
        {
          name: 'no agent configured',
          code: 'CONFIG_INVALID',
          makeProvider: () => vaultTokensProvider(fixture.settings('prefixed') as never, {}),
        },
        {
          name: 'no agent running',
          code: 'KMS_UNREACHABLE',
          makeProvider: () => {
            const tenants = new TenantAgentClient({ endpoint: `unix://${fixture.folder}/nobody.sock` });
            return vaultTokensProvider(fixture.settings('prefixed') as never, { tenants });
          },
        },
      ]),
  );

  describeKmsProvider('vaulttokens (KV v2, detected in the tenant’s own namespace and mount)', versioned, async () => {
    await fixture.putConfigMap('shop', 'ceph-csi-kms-config', {
      vaultNamespace: 'team-a',
      vaultAuthNamespace: '',
      vaultBackendPath: 'own',
    });
    // The token is of the root namespace, so it also looks itself up there.
    await new Promise((resolve) => setTimeout(resolve, 3_500));
    return harness('configured');
  });

  describeKmsProvider('vaulttokens (KV v1)', plain, async () => harness('plain'));
});
