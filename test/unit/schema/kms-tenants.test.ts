import fc from 'fast-check';
import {
  decodeKmsConfig,
  decodeKmsSection,
  encodeKmsConfig,
  type KmsSettings,
  kmsSettingsFor,
  kmsTypes,
  settleKms,
  type TenantOverrideMode,
  type VaultTenantSaKmsSettings,
  type VaultTokensKmsSettings,
} from '../../../lib/schema/kms';
import { SchemaError } from '../../../lib/schema/schema-error';
import { tenantSettings } from './tenant-arbitraries';

const address = 'https://vault.sec.svc:8200';
const tokens = (more: object = {}) =>
  decodeKmsSection('k', { encryptionKMSType: 'vaulttokens', vaultAddress: address, ...more }) as VaultTokensKmsSettings;
const accounts = (more: object = {}) =>
  decodeKmsSection('k', {
    encryptionKMSType: 'vaulttenantsa',
    vaultAddress: address,
    ...more,
  }) as VaultTenantSaKmsSettings;

describe('a section of a tenant type', () => {
  test('has the defaults of ceph-csi', () => {
    const shared = {
      address,
      backend: 'detect',
      backendPath: 'secret/',
      deletion: 'destroy',
      namespace: '',
      authNamespace: '',
      tls: { verify: true },
      tenantConfigName: 'ceph-csi-kms-config',
      overrides: 'documented',
      tenantPrefix: false,
      tenants: {},
    };
    expect(tokens()).toEqual({ type: 'vaulttokens', ...shared, tenantTokenName: 'ceph-csi-kms-token' });
    expect(accounts()).toEqual({
      type: 'vaulttenantsa',
      ...shared,
      tenantSAName: 'ceph-csi-vault-sa',
      mountPath: 'kubernetes',
      role: 'csi-kubernetes',
    });
  });

  test('reads the examples of ceph-csi', () => {
    const environment = {
      KMS_PROVIDER: 'vaulttokens',
      VAULT_ADDR: 'https://vault.sec.svc:8200',
      VAULT_BACKEND_PATH: 'csi',
      VAULT_NAMESPACE: 'platform',
      VAULT_CACERT: 'vault-ca',
      VAULT_SKIP_VERIFY: 'false',
    };
    expect(decodeKmsSection('k', environment)).toMatchObject({
      backendPath: 'csi',
      namespace: 'platform',
      authNamespace: 'platform',
      tls: { verify: true, caFromSecret: 'vault-ca' },
      tenantTokenName: 'ceph-csi-kms-token',
    });
    const own = {
      vaultAuthNamespace: 'root-a',
      vaultNamespace: 'root-a/db',
      tenantSAName: 'volume-keys',
      vaultRole: 'volumes',
    };
    expect(accounts({ vaultBackend: 'kv-v2', vaultBackendPath: 'shared', ...own })).toMatchObject({
      backend: 'kv-v2',
      namespace: 'root-a/db',
      authNamespace: 'root-a',
      tenantSAName: 'volume-keys',
      role: 'volumes',
    });
    const tenants = {
      'my-app': { vaultCAVerify: 'true' },
      'an-other-app': { tenantTokenName: 'storage-encryption-token' },
    };
    expect(tokens({ vaultCAVerify: 'false', tenants }).tenants).toEqual(tenants);
    expect(accounts({ vaultAuthPath: '/v1/auth/k8s/prod/login' }).mountPath).toBe('k8s/prod');
  });

  test.each([
    ['no address', { vaultAddress: undefined }],
    ['an empty address', { vaultAddress: '' }],
    ['another scheme', { vaultAddress: 'ftp://vault' }],
    ['a password in the address', { vaultAddress: 'https://a:b@vault' }],
    ['a query in the address', { vaultAddress: 'https://vault?x' }],
    ['a JSON boolean', { vaultCAVerify: true }],
    ['a text that is no boolean', { vaultCAVerify: 'yes' }],
    ['an empty boolean, as from VAULT_SKIP_VERIFY=maybe', { vaultCAVerify: '' }],
    ['a number', { vaultDestroyKeys: 1 }],
    ['a Secret name that is none', { vaultCAFromSecret: '../x' }],
    ['half of a client certificate', { vaultClientCertFromSecret: 'cert' }],
    ['a path upwards', { vaultBackendPath: 'a/../b' }],
    ['a path with a query', { vaultBackendPath: 'a?b' }],
    ['a mount of slashes only', { vaultBackendPath: '///' }],
    ['a namespace with a line end', { vaultNamespace: 'a\r\nb' }],
    ['a misspelt key', { tenantTokenname: 'x' }],
    ['a tenant that is no namespace', { tenants: { 'Not A Namespace': {} } }],
    ['a tenant entry with a key that cannot count', { tenants: { shop: { tenants: 'x' } } }],
    ['a tenant entry with a value that cannot be', { tenants: { shop: { vaultAddress: 'x' } } }],
    ['tenants that are no map', { tenants: 'shop' }],
    ['a mode that is none', { tenantOverrides: 'all' }],
  ])('refuses %s', (_, more) => {
    expect(() => tokens(more)).toThrow(SchemaError);
    expect(() => accounts(more)).toThrow(SchemaError);
  });

  test('refuses a declaration that would silently do less than it says (R17)', () => {
    const declared = { type: 'vaulttokens', address } as const;
    const ignoring = { ...declared, overrides: 'ceph-csi', tenants: { shop: {} } } as const;
    expect(() => settleKms('k', ignoring)).toThrow('tenants does not count');
    expect(() => settleKms('k', { ...declared, backend: 'kv', deletion: 'recoverable' })).toThrow('KV version 1');
    expect(() => settleKms('k', { ...declared, backend: 'kv', deletion: 'keep' })).not.toThrow();
  });

  test.each([
    ['destroy', { vaultDestroyKeys: 'true' }],
    ['recoverable', { vaultDestroyKeys: 'True' }],
    ['recoverable', { vaultDestroyKeys: '1' }],
    ['keep', { vaultDestroyKeys: 'true', vaultKeepKeys: 'true' }],
  ])('%s is said by %j (R17)', (deletion, keys) => {
    expect(tokens(keys).deletion).toBe(deletion);
  });

  test('property: settings survive config.json', () => {
    fc.assert(
      fc.property(tenantSettings, (settings) => {
        const map = new Map<string, KmsSettings>([['k', settings]]);
        expect(decodeKmsConfig(encodeKmsConfig(map))).toEqual(map);
      }),
    );
  });

  test('its documentation tells what a tenant may set', () => {
    const may = (type: 'vaulttokens' | 'vaulttenantsa') =>
      Object.entries(kmsTypes[type].options)
        .filter(([, it]) => it.tenantMaySet)
        .map(([key]) => key)
        .sort();
    const both = [
      'vaultAddress',
      'vaultAuthNamespace',
      'vaultBackend',
      'vaultBackendPath',
      'vaultCAVerify',
      'vaultDestroyKeys',
      'vaultNamespace',
      'vaultTLSServerName',
    ];
    expect(may('vaulttokens')).toEqual(both);
    expect(may('vaulttenantsa')).toEqual(['tenantSAName', 'vaultAuthPath', 'vaultRole', ...both].sort());
  });
});

describe('the ConfigMap of a tenant (facts §4.4)', () => {
  const sections = { vaulttokens: tokens, vaulttenantsa: accounts } as const;
  const effective = <T extends keyof typeof sections>(
    type: T,
    config: Record<string, string> | undefined,
    more: object = {},
  ) => kmsSettingsFor(sections[type](more), 'shop', config);

  test.each([
    [{ vaultAddress: 'http://own' }, { address: 'http://own' }],
    [{ vaultBackend: 'kv-v2' }, { backend: 'kv-v2' }],
    [{ vaultBackendPath: 'own' }, { backendPath: 'own' }],
    [{ vaultBackendPath: '' }, { backendPath: 'secret/' }],
    [{ vaultNamespace: 'team-a' }, { namespace: 'team-a', authNamespace: 'team-a' }],
    [{ vaultAuthNamespace: 'team-a' }, { namespace: '', authNamespace: 'team-a' }],
    [
      { vaultNamespace: 'a/b', vaultAuthNamespace: 'a' },
      { namespace: 'a/b', authNamespace: 'a' },
    ],
    [{ vaultDestroyKeys: 'false' }, { deletion: 'recoverable' }],
    [{ vaultTLSServerName: 'own.example' }, { tls: { verify: true, serverName: 'own.example' } }],
    [{ vaultCAVerify: 'F' }, { tls: { verify: false } }],
  ])('both types: %j', (config, changed) => {
    for (const type of ['vaulttokens', 'vaulttenantsa'] as const) {
      expect(effective(type, config)).toEqual({ ...effective(type, undefined), ...changed });
    }
  });

  test.each([
    [{ tenantSAName: 'own' }, { tenantSAName: 'own' }],
    [{ vaultAuthPath: '/v1/auth/own/login' }, { mountPath: 'own' }],
    [{ vaultRole: 'own' }, { role: 'own' }],
  ])('vaulttenantsa only: %j', (config, changed) => {
    expect(effective('vaulttenantsa', config)).toEqual({ ...accounts(), ...changed });
    expect(effective('vaulttokens', config)).toEqual(tokens());
  });

  test.each([
    { vaultClientCertFromSecret: 'own', vaultClientCertKeyFromSecret: 'own' },
    {
      tenantTokenName: 'own',
      tenantConfigName: 'own',
      tenantOverrides: 'none',
      tenantKeyPrefix: 'true',
      vaultKeepKeys: 'true',
    },
    { VAULT_ADDR: 'http://own', encryptionKMSType: 'vault', KMS_PROVIDER: 'vault', tenants: '{}' },
    { tenantSAAudience: 'own', unknown: '\u0000' },
    {},
  ])('without effect: %j', (config) => {
    for (const type of ['vaulttokens', 'vaulttenantsa'] as const) {
      expect(effective(type, config as unknown as Record<string, string>)).toEqual(sections[type]());
    }
  });

  test('the login follows a tenant’s namespace only where the section does not tell the two apart', () => {
    const apart = { vaultNamespace: 'root-a/db', vaultAuthNamespace: 'root-a' };
    const moved = effective('vaulttokens', { vaultNamespace: 'root-a/own' }, apart);
    expect(moved).toMatchObject({ namespace: 'root-a/own', authNamespace: 'root-a' });
    const same = effective('vaulttokens', { vaultNamespace: 'own' }, { vaultNamespace: 'platform' });
    expect(same).toMatchObject({ namespace: 'own', authNamespace: 'own' });
  });

  test.each([
    { vaultAddress: 'vault' },
    { vaultCAVerify: 'maybe' },
    { vaultBackendPath: '..' },
    { vaultAuthNamespace: 'a b' },
  ])('refuses %j, and does not quote it', (config) => {
    const value = Object.values(config)[0] ?? '';
    try {
      effective('vaulttokens', config as Record<string, string>);
    } catch (error) {
      expect(error).toBeInstanceOf(SchemaError);
      expect(String(error)).toContain('the ConfigMap ceph-csi-kms-config of tenant shop');
      if (value.length > 3) expect(String(error)).not.toContain(`"${value}"`);
      return;
    }
    throw new Error('it was accepted');
  });

  describe('overrides that ceph-csi documents and ignores', () => {
    const tenants = {
      shop: { vaultNamespace: 'of-shop', tenantTokenName: 'of-shop' },
      billing: { vaultNamespace: 'of-billing' },
    };
    const at = (tenantOverrides: TenantOverrideMode, config?: Record<string, string>) =>
      kmsSettingsFor(tokens({ tenants, tenantOverrides }), 'shop', config);

    test('count unless the section says "ceph-csi" or "none"', () => {
      expect(kmsSettingsFor(tokens({ tenants }), 'shop', undefined)).toMatchObject({ namespace: 'of-shop' });
      expect(at('documented')).toMatchObject({ namespace: 'of-shop', tenantTokenName: 'of-shop' });
      expect(at('ceph-csi')).toMatchObject({ namespace: '', tenantTokenName: 'ceph-csi-kms-token' });
      expect(at('none')).toMatchObject({ namespace: '' });
      expect(at('documented', { vaultCAFromSecret: 'own-ca' }).tls).toEqual({ verify: true, caFromSecret: 'own-ca' });
      expect(at('ceph-csi', { vaultCAFromSecret: 'own-ca' }).tls).toEqual({ verify: true });
    });

    test('come before the tenant’s own ConfigMap, which counts in no mode "none"', () => {
      expect(at('documented', { vaultNamespace: 'mine' })).toMatchObject({
        namespace: 'mine',
        tenantTokenName: 'of-shop',
      });
      expect(at('none', { vaultNamespace: 'mine' })).toMatchObject({ namespace: '' });
    });

    test('are those of the tenant, not of another, nor of what every object has', () => {
      const settings = tokens({ tenants, tenantOverrides: 'documented' });
      expect(kmsSettingsFor(settings, 'billing', undefined).namespace).toBe('of-billing');
      expect(kmsSettingsFor(settings, 'constructor', undefined)).toBe(settings);
      expect(kmsSettingsFor(settings, '__proto__', undefined)).toBe(settings);
    });
  });
});
