/**
 * Recipes beside what the documentation of the stock systems has an operator do by hand (facts/ceph-csi-kms.md §5,
 * facts/rook-kms.md §3, facts/kms-plugin.md §2). Where a recipe grants less, it is said which part and why.
 */
import {
  apiServerKmsState,
  cephCsiVaultState,
  driverVaultState,
  type PolicyRule,
  rookOsdState,
  serviceAccountNamespace,
  tenantServiceAccountsState,
  tenantTokensState,
  type VaultNamespace,
  type VaultState,
} from '../../../lib/vault';
import { issuesOf } from '../schema/issues-of';

const address = 'https://vault.sec.svc:8200';
const root = (state: VaultState, path = ''): VaultNamespace => state.namespaces[path] ?? {};

/** What Vault would say: exact paths, and prefixes that end with a star. */
const allows = (rules: readonly PolicyRule[], capability: string, path: string): boolean =>
  rules.some(
    (rule) =>
      rule.capabilities.some((one) => one === capability) &&
      (rule.path.endsWith('*') ? path.startsWith(rule.path.slice(0, -1)) : path === rule.path),
  );

interface Documented {
  readonly name: string;
  readonly state: VaultState;
  readonly policy: string;
  /** By path of an example: what the documentation grants, and the consumer does. */
  readonly used: Readonly<Record<string, string>>;
  /** What the documentation grants besides, which nobody was seen to use. */
  readonly unused: Readonly<Record<string, string>>;
  readonly mounts: VaultNamespace['mounts'];
  readonly auth: object;
}

const documented: readonly Documented[] = [
  {
    name: 'ceph-csi, one service account, KV version 2',
    state: cephCsiVaultState({
      kms: {
        type: 'vault',
        address,
        backendPath: 'storage',
        passphrasePath: 'ceph-csi/',
        auth: { method: 'kubernetes', role: 'csi-kubernetes', mountPath: 'k8s/prod' },
      },
      namespace: 'ceph',
      serviceAccounts: ['rbd-csi-provisioner', 'rbd-csi-nodeplugin'],
    }),
    policy: 'csi-kubernetes',
    used: {
      'storage/data/ceph-csi/0001-vol': 'create read update',
      'storage/metadata/ceph-csi/0001-vol': 'delete',
    },
    // With vaultDestroyKeys "true" nothing is deleted softly; histories are neither read nor listed.
    unused: {
      'storage/data/ceph-csi/0001-vol': 'delete',
      'storage/metadata/ceph-csi/0001-vol': 'read list',
      'storage/data/else': 'read',
      'sys/mounts': 'read',
    },
    mounts: { storage: { type: 'kv', version: 2 } },
    auth: {
      'k8s/prod': {
        type: 'kubernetes',
        roles: {
          'csi-kubernetes': {
            boundServiceAccountNames: ['rbd-csi-nodeplugin', 'rbd-csi-provisioner'],
            boundServiceAccountNamespaces: ['ceph'],
            tokenPolicies: ['csi-kubernetes'],
          },
        },
      },
    },
  },
  {
    name: 'ceph-csi, vaultBackend not set and vaultDestroyKeys "false"',
    state: cephCsiVaultState({
      kms: {
        type: 'vault',
        address,
        backend: 'detect',
        deletion: 'recoverable',
        auth: { method: 'kubernetes', role: 'csi-kubernetes' },
      },
      namespace: 'ceph',
      serviceAccounts: ['rbd-csi-provisioner'],
    }),
    policy: 'csi-kubernetes',
    used: { 'secret/data/0001-vol': 'create read update delete', 'sys/mounts': 'read' },
    unused: { 'secret/metadata/0001-vol': 'read delete list' },
    mounts: { secret: { type: 'kv', version: 2 } },
    auth: { kubernetes: { type: 'kubernetes' } },
  },
  {
    name: 'Rook, Kubernetes auth',
    state: rookOsdState({
      kms: {
        connectionDetails: {
          KMS_PROVIDER: 'vault',
          VAULT_ADDR: address,
          VAULT_BACKEND_PATH: 'rook',
          VAULT_BACKEND: 'v2',
          VAULT_AUTH_METHOD: 'kubernetes',
          VAULT_AUTH_KUBERNETES_ROLE: 'rook-ceph',
        },
      },
    }),
    policy: 'rook',
    used: {
      'rook/data/rook-ceph-osd-encryption-key-set1-data-0': 'create read update',
      'rook/metadata/rook-ceph-osd-encryption-key-set1-data-0': 'delete',
      'sys/mounts': 'read',
    },
    // The documentation opens the whole engine. Rook names its entries, lists none, and removes with all versions.
    unused: {
      'rook/data/rook-ceph-osd-encryption-key-set1-data-0': 'delete list',
      'rook/metadata/': 'list',
      'rook/data/anything-else': 'create read update delete',
    },
    mounts: { rook: { type: 'kv', version: 2 } },
    auth: {
      kubernetes: {
        type: 'kubernetes',
        config: { reviewer: { mode: 'vault-own-token' } },
        roles: {
          'rook-ceph': {
            boundServiceAccountNames: ['rook-ceph-osd', 'rook-ceph-system'],
            boundServiceAccountNamespaces: ['rook-ceph'],
            tokenPolicies: ['rook'],
          },
        },
      },
    },
  },
  {
    name: 'Rook, a token',
    state: rookOsdState({
      kms: {
        connectionDetails: { KMS_PROVIDER: 'vault', VAULT_ADDR: address, VAULT_BACKEND: 'v1' },
        tokenSecretName: 'rook-vault-token',
      },
    }),
    policy: 'rook',
    // The last two come from the policy `default` there.
    used: {
      'secret/rook-ceph-osd-encryption-key-set1-data-0': 'create read update delete',
      'sys/mounts': 'read',
      'auth/token/lookup-self': 'read',
      'auth/token/renew-self': 'update',
    },
    unused: { 'secret/else': 'read', 'secret/': 'list' },
    mounts: { secret: { type: 'kv', version: 1 } },
    auth: { token: { type: 'token', roles: { rook: { orphan: true, allowedPolicies: ['rook'] } } } },
  },
  {
    name: 'vault-kubernetes-kms, AppRole',
    state: apiServerKmsState({
      kms: {
        vault: { address },
        auth: { method: 'approle', roleIdFile: '/etc/kms/role-id', secretIdFile: '/etc/kms/secret-id' },
      },
    }),
    policy: 'kms',
    used: {
      'auth/token/lookup-self': 'read',
      'auth/token/renew-self': 'update',
      'transit/encrypt/kms': 'update',
      'transit/decrypt/kms': 'update',
      'transit/keys/kms': 'read',
    },
    unused: {},
    mounts: { transit: { type: 'transit', keys: { kms: {} } } },
    auth: {
      approle: {
        type: 'approle',
        roles: { kms: { tokenPolicies: ['kms'], secretIdTtl: 0, secretIdNumUses: 0, tokenPeriod: 3600 } },
      },
    },
  },
];

describe.each(documented)('as the documentation has it: $name', ({ state, policy, used, unused, mounts, auth }) => {
  const { rules = [] } = root(state).policies?.[policy] ?? {};
  const each = (granted: Readonly<Record<string, string>>) =>
    Object.entries(granted).flatMap(([path, can]) => can.split(' ').map((one) => [one, path] as const));

  test('the policy allows what is used, and leaves out what nobody uses', () => {
    expect(each(used).filter(([can, path]) => !allows(rules, can, path))).toEqual([]);
    expect(each(unused).filter(([can, path]) => allows(rules, can, path))).toEqual([]);
  });

  test('the policy allows nothing besides', () => {
    const granted = rules.flatMap((rule) => rule.capabilities.map((can) => `${can} ${rule.path}`));
    expect(granted).toHaveLength(each(used).length);
  });

  test('engines, auth method and role are those', () => {
    expect(root(state).mounts).toEqual(mounts);
    expect(root(state).auth).toMatchObject(auth);
  });

  test('every token ends, or has to be renewed (trap 11)', () => {
    const roles = Object.values(root(state).auth ?? {}).flatMap((method) => Object.values<object>(method.roles ?? {}));
    expect(roles.length).toBeGreaterThan(0);
    for (const role of roles) {
      const { tokenTtl = 0, tokenPeriod = 0 } = role as { tokenTtl?: number; tokenPeriod?: number };
      expect(tokenTtl + tokenPeriod).toBeGreaterThan(0);
    }
  });
});

describe('tenants with service accounts', () => {
  const kms = { type: 'vaulttenantsa', address, backendPath: 'keys' } as const;

  test('with a prefix share one templated policy', () => {
    const state = tenantServiceAccountsState({ kms: { ...kms, tenantPrefix: true }, tenants: ['shop', 'billing'] });
    const own = serviceAccountNamespace('kubernetes');
    expect(root(state).policies).toEqual({
      'csi-tenants': {
        rules: [
          { path: `keys/data/${own}/*`, capabilities: ['create', 'read', 'update'] },
          { path: `keys/metadata/${own}/*`, capabilities: ['delete'] },
        ],
      },
    });
    expect(root(state).auth).toMatchObject({
      kubernetes: {
        roles: {
          'csi-kubernetes': {
            boundServiceAccountNames: ['ceph-csi-vault-sa'],
            boundServiceAccountNamespaces: ['billing', 'shop'],
          },
        },
      },
    });
  });

  test('with engines that bear their names share one as well, as stock ceph-csi can have it', () => {
    const tenants = {
      shop: { vaultBackendPath: 'tenants/shop' },
      billing: { vaultBackendPath: 'tenants/billing' },
    };
    const state = tenantServiceAccountsState({ kms, tenants });
    expect(Object.keys(root(state).mounts ?? {})).toEqual(['tenants/billing', 'tenants/shop']);
    expect(root(state).policies?.['csi-tenants']?.rules.map(({ path }) => path)).toEqual([
      `tenants/${serviceAccountNamespace('kubernetes')}/data/*`,
      `tenants/${serviceAccountNamespace('kubernetes')}/metadata/*`,
    ]);
  });

  test('with roles of their own have policies of their own', () => {
    const tenants = {
      shop: { vaultBackendPath: 'one', vaultRole: 'shop' },
      billing: { vaultBackendPath: 'two', vaultRole: 'billing' },
    };
    const { policies = {} } = root(tenantServiceAccountsState({ kms, tenants }));
    expect(policies['csi-tenants-shop']?.rules.map(({ path }) => path)).toEqual(['one/data/*', 'one/metadata/*']);
    expect(policies['csi-tenants-billing']?.rules.map(({ path }) => path)).toEqual(['two/data/*', 'two/metadata/*']);
  });

  test.each<[why: string, tenants: Parameters<typeof tenantServiceAccountsState>[0]['tenants'], path: string]>([
    ['keys side by side (R14)', ['shop', 'billing'], 'shop'],
    ['engines that no template tells apart (R14)', { shop: { vaultBackendPath: 'a' }, billing: {} }, ''],
    ['another Vault', { shop: { vaultAddress: 'https://other:8200' } }, 'shop.vaultAddress'],
    ['a pattern for a tenant (trap 5)', ['*'], '*'],
    [
      'two accounts by one role',
      { shop: { vaultBackendPath: 't/shop', tenantSAName: 'a' }, billing: { vaultBackendPath: 't/billing' } },
      'tenantSAName',
    ],
  ])('refuses %s', (_, tenants, path) => {
    expect(issuesOf(() => tenantServiceAccountsState({ kms, tenants }))).toMatchObject([{ path }]);
  });

  test('read the keys of all where that is allowed by name, as with ceph-csi without ConfigMaps', () => {
    const state = tenantServiceAccountsState({ kms, tenants: ['shop', 'billing'], sharedKeys: true });
    expect(root(state).policies?.['csi-tenants']?.rules[0]?.path).toBe('keys/data/*');
  });
});

test('tenants with tokens have a policy and a role each', () => {
  const state = tenantTokensState({
    kms: { type: 'vaulttokens', address, tenantPrefix: true },
    tenants: ['shop', 'billing'],
    tokenPeriod: 86_400,
  });
  expect(Object.keys(root(state).policies ?? {})).toEqual(['csi-tenant-billing', 'csi-tenant-shop']);
  expect(root(state).auth).toMatchObject({
    token: {
      roles: { 'csi-tenant-shop': { allowedPolicies: ['csi-tenant-shop'], orphan: true, tokenPeriod: 86_400 } },
    },
  });
});

describe('a driver with several KMSs', () => {
  const login = { method: 'kubernetes', role: 'volumes' } as const;
  const kms = {
    stored: { type: 'vault', address, backendPath: 'keys', auth: login },
    wrapped: { type: 'vaulttransit', address, keyName: 'volumes', auth: login },
    elsewhere: { type: 'metadata' },
  } as const;

  test('has one state: mount, path and role are those of its configuration (R3)', () => {
    const state = driverVaultState({ kms, driver: { namespace: 'keyward-system', audience: 'vault' } });
    expect(root(state).mounts).toEqual({
      keys: { type: 'kv', version: 2 },
      transit: { type: 'transit', keys: { volumes: {} } },
    });
    expect(root(state).auth).toMatchObject({
      kubernetes: {
        roles: {
          volumes: {
            boundServiceAccountNames: ['keyward-csi'],
            boundServiceAccountNamespaces: ['keyward-system'],
            audience: 'vault',
            tokenPolicies: ['keyward-stored', 'keyward-wrapped'],
          },
        },
      },
    });
  });

  test('refuses a role that lets both the driver and the tenants in', () => {
    const tenant = { type: 'vaulttenantsa', address, backendPath: 't', tenantPrefix: true, role: 'volumes' } as const;
    const fails = () =>
      driverVaultState({ kms: { ...kms, tenant }, driver: { namespace: 'keyward-system' }, tenants: ['shop'] });
    expect(issuesOf(fails)).toMatchObject([{ path: 'auth.kubernetes.roles.volumes' }]);
  });

  test('refuses KMSs at two Vaults, and one engine with two versions (trap 3)', () => {
    const driver = { namespace: 'keyward-system' };
    const other = { ...kms.stored, address: 'https://other:8200' };
    expect(issuesOf(() => driverVaultState({ kms: { a: kms.stored, b: other }, driver }))).toHaveLength(1);
    const plain = { ...kms.stored, backend: 'kv' } as const;
    expect(issuesOf(() => driverVaultState({ kms: { a: kms.stored, b: plain }, driver }))).toMatchObject([
      { path: 'namespaces."".mounts.keys' },
    ]);
  });

  test('refuses keys where no policy of the login reaches (trap 7), and patterns for accounts (trap 5)', () => {
    const driver = { namespace: 'keyward-system' };
    const apart = { ...kms.stored, namespace: 'data', authNamespace: 'logins' };
    expect(issuesOf(() => driverVaultState({ kms: { apart }, driver }))).toMatchObject([{ path: 'authNamespace' }]);
    expect(issuesOf(() => driverVaultState({ kms, driver: { ...driver, serviceAccounts: ['*'] } }))).toHaveLength(1);
  });
});

test('refuses a way to log in for the KMS plugin that has no recipe, and names those that have', () => {
  const kms = { vault: { address }, auth: { method: 'jwt', role: 'kms' } } as const;
  expect(issuesOf(() => apiServerKmsState({ kms }))).toMatchObject([
    { path: 'auth.method', allowed: ['approle', 'token'] },
  ]);
});
