import {
  checkVaultState,
  decodeVaultState,
  diffVaultStates,
  formatVaultState,
  serviceAccountNamespace,
  type VaultNamespace,
  type VaultState,
} from '../../../lib/vault';
import { issuesOf } from '../schema/issues-of';

const stateOf = (namespace: VaultNamespace, path = ''): VaultState => ({
  owner: 'test',
  namespaces: { [path]: namespace },
});
const rules = [{ path: 'keys/data/*', capabilities: ['read'] }] as const;
const config = { kubernetesHost: 'https://kubernetes.default.svc', reviewer: { mode: 'vault-own-token' } } as const;
const bound = { boundServiceAccountNames: ['csi'], boundServiceAccountNamespaces: ['storage'] };

describe('refuses a state whose parts do not fit together', () => {
  test.each<[why: string, state: VaultState, path: string]>([
    [
      'a role names a policy that is not there (trap 4)',
      stateOf({ auth: { approle: { type: 'approle', roles: { csi: { tokenPolicies: ['absent'] } } } } }),
      'namespaces."".auth.approle.roles.csi.tokenPolicies',
    ],
    [
      'a token role allows a policy that is not there (trap 4)',
      stateOf({ auth: { token: { type: 'token', roles: { csi: { allowedPolicies: ['absent'] } } } } }),
      'namespaces."".auth.token.roles.csi.allowedPolicies',
    ],
    [
      'a role names a policy of another namespace (traps 4 and 7)',
      {
        owner: 'test',
        namespaces: {
          '': { policies: { csi: { rules } } },
          team: { auth: { approle: { type: 'approle', roles: { csi: { tokenPolicies: ['csi'] } } } } },
        },
      },
      'namespaces.team.auth.approle.roles.csi.tokenPolicies',
    ],
    [
      'the token method is elsewhere',
      stateOf({ auth: { tokens: { type: 'token' } } }),
      'namespaces."".auth.tokens.type',
    ],
    [
      'another method is where tokens are',
      stateOf({ auth: { token: { type: 'approle' } } }),
      'namespaces."".auth.token.type',
    ],
    [
      'version 1 keeps versions (trap 3)',
      stateOf({ mounts: { keys: { type: 'kv', version: 1, maxVersions: 5 } } }),
      'namespaces."".mounts.keys.maxVersions',
    ],
    ['a quota is not in the root', stateOf({ quotas: { all: { rate: 5 } } }, 'team'), 'namespaces.team.quotas'],
    [
      'an audit device is not in the root',
      stateOf({ audit: { file: { type: 'file' } } }, 'team'),
      'namespaces.team.audit',
    ],
    [
      'an engine is below another',
      stateOf({ mounts: { keys: { type: 'kv', version: 2 }, 'keys/shop': { type: 'kv', version: 2 } } }),
      'namespaces."".mounts.keys/shop',
    ],
    [
      'an engine takes a path of the server',
      stateOf({ mounts: { sys: { type: 'transit' } } }),
      'namespaces."".mounts.sys',
    ],
    [
      'a role lets everybody in (trap 5)',
      stateOf({
        auth: {
          kubernetes: {
            type: 'kubernetes',
            config,
            roles: { all: { boundServiceAccountNames: ['*'], boundServiceAccountNamespaces: ['*'] } },
          },
        },
      }),
      'namespaces."".auth.kubernetes.roles.all',
    ],
    [
      'a template takes the accessor of a method that is not there',
      stateOf({
        policies: {
          own: { rules: [{ path: `keys/data/${serviceAccountNamespace('k8s')}/*`, capabilities: ['read'] }] },
        },
      }),
      'namespaces."".policies.own',
    ],
  ])('%s', (_, state, path) => {
    expect(issuesOf(() => decodeVaultState(state))).toMatchObject([{ path }]);
  });

  test('and names the policy that was meant', () => {
    const state = stateOf({
      policies: { volumes: { rules } },
      auth: { kubernetes: { type: 'kubernetes', config, roles: { csi: { ...bound, tokenPolicies: ['volume'] } } } },
    });
    expect(issuesOf(() => decodeVaultState(state))).toMatchObject([
      { allowed: ['volumes', 'default'], remedy: expect.stringContaining('"volumes"') },
    ]);
  });
});

test('takes roles that name built-in policies, or those that somebody else keeps', () => {
  const state = stateOf({
    externalPolicies: ['auditors'],
    auth: { approle: { type: 'approle', roles: { csi: { tokenPolicies: ['default', 'auditors'] } } } },
  });
  expect(checkVaultState(state)).toEqual([]);
  expect(decodeVaultState(state)).toEqual(state);
});

test('the same state has the same bytes, in whatever order it was written down', () => {
  const left = stateOf({ mounts: { b: { type: 'kv', version: 2 }, a: { type: 'transit', keys: {} } } });
  const right = stateOf({ mounts: { a: { keys: {}, type: 'transit' }, b: { version: 2, type: 'kv' } } });
  expect(formatVaultState(left)).toBe(formatVaultState(right));
  expect(formatVaultState(left)).toMatch(/\n$/);
});

describe('the changes between two states', () => {
  const desired = stateOf(
    {
      mounts: { transit: { type: 'transit', keys: { kms: { autoRotatePeriod: 86_400 } } } },
      policies: { kms: { rules } },
      auth: { kubernetes: { type: 'kubernetes', config, roles: { csi: { ...bound, tokenPolicies: ['kms'] } } } },
    },
    'team',
  );

  test('are none between a state and itself', () => {
    expect(diffVaultStates(desired, desired)).toEqual([]);
  });

  test('come in an order in which they can be made, and back again from the other end', () => {
    const empty: VaultState = { owner: 'test', namespaces: {} };
    const made = diffVaultStates(desired, empty).map(({ action, kind, path }) => `${action} ${kind} ${path}`);
    expect(made).toEqual([
      'create namespace ',
      'create mount transit',
      'create transit-key transit/kms',
      'create auth kubernetes',
      'create policy kms',
      'create role kubernetes/csi',
    ]);
    const undone = diffVaultStates(empty, desired).map(({ action, kind, path }) => `${action} ${kind} ${path}`);
    expect(undone).toEqual(made.map((line) => line.replace('create', 'delete')).reverse());
  });

  test('tell each field that differs, also one that is gone', () => {
    const actual = stateOf(
      {
        mounts: { transit: { type: 'transit', keys: { kms: { autoRotatePeriod: 3600 } } } },
        policies: { kms: { rules } },
        auth: {
          kubernetes: {
            type: 'kubernetes',
            config: { ...config, reviewer: { mode: 'client-token' }, issuer: 'old' },
            roles: { csi: { ...bound, tokenPolicies: ['kms'] } },
          },
        },
      },
      'team',
    );
    expect(diffVaultStates(desired, actual)).toEqual([
      {
        action: 'update',
        kind: 'transit-key',
        namespace: 'team',
        path: 'transit/kms',
        fields: [{ field: 'autoRotatePeriod', from: 3600, to: 86_400 }],
      },
      {
        action: 'update',
        kind: 'auth',
        namespace: 'team',
        path: 'kubernetes',
        fields: [
          { field: 'config.issuer', from: 'old' },
          { field: 'config.reviewer.mode', from: 'client-token', to: 'vault-own-token' },
        ],
      },
    ]);
  });
});
