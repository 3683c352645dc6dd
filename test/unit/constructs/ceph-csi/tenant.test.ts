import { Testing } from 'cdk8s';
import {
  CephCsiSecretAccess,
  type CephCsiSecretAccessProps,
  CephCsiTenant,
  type CephCsiTenantProps,
  ExternalSecret,
  KmsConfigMap,
} from '../../../../lib/cdk8s';
import { only, synthesised } from '../synthesised';

const address = 'https://vault';
const kmsConfig = KmsConfigMap.fromKmsConfigMapName('kms', {
  accounts: { type: 'vaulttenantsa', address, tls: { caFromSecret: 'vault-ca' } },
  tokens: { type: 'vaulttokens', address, tenantTokenName: 'token-of-tenant' },
  phrase: { type: 'metadata', secretName: 'phrase' },
  own: { type: 'kmip', endpoint: 'kmip:5696' },
});
type Props = CephCsiTenantProps<'accounts' | 'tokens' | 'phrase' | 'own'>;

function declare(props: Partial<Props>) {
  const chart = Testing.chart();
  return {
    chart,
    tenant: new CephCsiTenant(chart, 'shop', { kmsConfig, kms: 'accounts', namespace: 'shop', ...props }),
  };
}

describe('CephCsiTenant', () => {
  test('of service accounts: the account that ceph-csi comes as, and what differs for the tenant', () => {
    const { chart, tenant } = declare({ overrides: { vaultNamespace: 'shop', vaultDestroyKeys: 'false' } });
    expect(synthesised(chart)).toMatchSnapshot();
    expect(tenant.boundServiceAccounts).toEqual([{ name: 'ceph-csi-vault-sa', namespace: 'shop' }]);
    expect(tenant.settings).toMatchObject({ namespace: 'shop', authNamespace: 'shop', deletion: 'recoverable' });
  });

  test('R3: an overridden account is the one that is made and bound', () => {
    const { chart, tenant } = declare({ overrides: { tenantSAName: 'keys' } });
    expect(only(synthesised(chart), 'ServiceAccount').metadata).toEqual({ name: 'keys', namespace: 'shop' });
    expect(tenant.boundServiceAccounts).toEqual([{ name: 'keys', namespace: 'shop' }]);
  });

  test('of tokens: takes the Secret by reference and emits none', () => {
    const { chart } = declare({ kms: 'tokens', secret: { name: 'token-of-tenant' } });
    expect(synthesised(chart)).toEqual([]);
  });

  test('of tokens: takes one that comes from a Vault path', () => {
    const chart = Testing.chart();
    const secret = new ExternalSecret(chart, 'token', {
      metadata: { name: 'token-of-tenant', namespace: 'shop' },
      store: { name: 'vault' },
      data: { token: { path: 'tenants/shop', property: 'token' } },
    });
    new CephCsiTenant(chart, 'shop', { kmsConfig, kms: 'tokens', namespace: 'shop', secret });
    expect(synthesised(chart).map(({ kind }) => kind)).toEqual(['ExternalSecret']);
  });

  test.each<[string, Partial<Props>, string]>([
    ['no Secret', { kms: 'tokens' }, 'test/shop.secret: got nothing; allowed: the Secret token-of-tenant with token'],
    ['a Secret of another name', { kms: 'phrase', secret: { name: 'other' } }, 'allowed: the Secret phrase'],
    [
      'a Secret that will lack the key',
      { kms: 'tokens', secret: { name: 'token-of-tenant', keys: ['tokn'] } },
      'without token',
    ],
    [
      'a Secret of another namespace',
      { kms: 'tokens', secret: { name: 'token-of-tenant', namespace: 'billing' } },
      'in the namespace billing',
    ],
  ])('trap 2: refuses %s', (_, props, message) => {
    expect(() => declare(props)).toThrow(message);
  });

  test('trap 1: refuses an override that ceph-csi passes over, and one that only the other type knows', () => {
    // @ts-expect-error the CA of a tenant has no effect in ceph-csi
    expect(() => declare({ overrides: { vaultCAFromSecret: 'ca' } })).toThrow('shop.overrides.vaultCAFromSecret: got');
    expect(() =>
      declare({ kms: 'tokens', secret: { name: 'token-of-tenant' }, overrides: { vaultRole: 'r' } }),
    ).toThrow('shop.overrides.vaultRole: got a value, for a KMS of type vaulttokens');
    expect(() => declare({ kms: 'phrase', secret: { name: 'phrase' }, overrides: { vaultRole: 'r' } })).toThrow(
      'allowed: nothing.',
    );
  });

  test('refuses a value that no tenant may have', () => {
    expect(() => declare({ overrides: { vaultAddress: 'vault' } })).toThrow('is not http:// or https:// and a host');
  });

  test('trap 5: refuses a tenant that is no namespace', () => {
    expect(() => declare({ namespace: '*' })).toThrow('test/shop.namespace: got "*"');
  });

  test('R14: refuses a KMS that reads nothing of a tenant', () => {
    expect(() => declare({ kms: 'own' })).toThrow('allowed: accounts, tokens, phrase.');
  });
});

describe('CephCsiSecretAccess', () => {
  const access = (props: Partial<CephCsiSecretAccessProps> = {}) => {
    const chart = Testing.chart();
    new CephCsiSecretAccess(chart, 'access', { kmsConfig, namespace: 'ceph-csi', tenants: ['shop'], ...props });
    return synthesised(chart);
  };
  const ref = { name: 'ceph-user', namespace: 'ceph-csi' };
  const classes = [{ secrets: new Map([['provisioner', ref]]) }];

  test('R14: opens what the KMSs and the classes name, and no kind of object as a whole', () => {
    const manifests = access({ classes });
    expect(manifests).toMatchSnapshot();
    const rules = manifests.flatMap(({ kind, rules: own }) =>
      kind === 'Role' ? (own as { resourceNames: string[] }[]) : [],
    );
    expect(rules.length).toBeGreaterThan(0);
    for (const { resourceNames } of rules) expect(resourceNames.length).toBeGreaterThan(0);
    expect(manifests.map(({ kind }) => kind)).not.toContain('ClusterRole');
  });

  test('opens a Secret that each tenant has under one name', () => {
    const secrets = new Map([['provisioner', { name: 'own', namespace: `\${pvc.namespace}` }]]);
    const [role] = access({ classes: [{ secrets }] }).filter(
      ({ kind, metadata }) => kind === 'Role' && metadata.namespace === 'shop',
    );
    expect(JSON.stringify(role)).toContain('"own"');
  });

  test('R14: refuses a Secret that only the claim names, since that is leave for all', () => {
    const secrets = new Map([['provisioner', { name: `\${pvc.name}`, namespace: 'shop' }]]);
    expect(() => access({ classes: [{ secrets }] })).toThrow('(R14)');
  });

  test('trap 5: refuses tenants that are no namespaces, and KMSs of tenants without any', () => {
    expect(() => access({ tenants: ['*'] })).toThrow('trap 5');
    expect(() => access({ tenants: [] })).toThrow('trap 5');
  });

  test('is given to the accounts that the deployment has', () => {
    const [binding] = access({ serviceAccounts: ['rook-csi-rbd-plugin-sa'] }).filter(
      ({ kind }) => kind === 'RoleBinding',
    );
    expect(binding?.subjects).toEqual([
      { kind: 'ServiceAccount', name: 'rook-csi-rbd-plugin-sa', namespace: 'ceph-csi' },
    ]);
  });
});
