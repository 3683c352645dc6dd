import fc from 'fast-check';
import {
  formatVaultState,
  mergeVaultStates,
  type PolicyRule,
  type VaultNamespace,
  type VaultState,
} from '../../../lib/vault';
import { issuesOf } from '../schema/issues-of';

const name = fc.constantFrom('alpha', 'beta', 'gamma');
const capability = fc.constantFrom('read' as const, 'list' as const);
/** A function of the name: states that are made apart never contradict each other, as those of two recipes. */
const ruleOf = (path: string): PolicyRule => ({ path: `${path}/data/*`, capabilities: ['read'] });

const entries = <T>(value: (key: string) => T) =>
  fc.uniqueArray(name).map((keys) => Object.fromEntries(keys.map((key) => [key, value(key)])));

const namespace: fc.Arbitrary<VaultNamespace> = fc.record({
  mounts: fc
    .tuple(
      entries(() => ({ type: 'kv' as const, version: 2 as const })),
      entries(() => ({ autoRotatePeriod: 3600 })),
    )
    .map(([kv, keys]) => ({ ...kv, transit: { type: 'transit' as const, keys } })),
  policies: entries((key) => ({ rules: [ruleOf(key)] })),
  auth: entries((key) => ({ tokenTtl: key.length })).map((roles) => ({
    approle: { type: 'approle' as const, roles },
  })),
});
const state: fc.Arbitrary<VaultState> = fc
  .dictionary(fc.constantFrom('', 'team', 'team/db'), namespace)
  .map((namespaces) => ({ owner: 'test', namespaces }));

test('merging is commutative and associative: any order gives the same bytes', () => {
  fc.assert(
    fc.property(state, state, state, (a, b, c) => {
      const bytes = formatVaultState(mergeVaultStates(a, b, c));
      expect(formatVaultState(mergeVaultStates(c, b, a))).toBe(bytes);
      expect(formatVaultState(mergeVaultStates(a, mergeVaultStates(b, c)))).toBe(bytes);
    }),
  );
});

test('merging is idempotent, and holds everything of each', () => {
  fc.assert(
    fc.property(state, state, (a, b) => {
      const both = mergeVaultStates(a, b);
      expect(formatVaultState(mergeVaultStates(a, a))).toBe(formatVaultState(a));
      expect(formatVaultState(mergeVaultStates(both, a))).toBe(formatVaultState(both));
      expect(both).toMatchObject(a);
    }),
  );
});

test('a capability more or less is a conflict, whatever the policy', () => {
  fc.assert(
    fc.property(name, fc.uniqueArray(capability, { minLength: 1 }), (policy, capabilities) => {
      const of = (can: PolicyRule['capabilities']): VaultState => ({
        owner: 'test',
        namespaces: { '': { policies: { [policy]: { rules: [{ path: 'a/*', capabilities: can }] } } } },
      });
      const other = [...capabilities, 'delete'] as const;
      expect(issuesOf(() => mergeVaultStates(of(capabilities), of(other)))).toMatchObject([
        { path: `namespaces."".policies.${policy}` },
      ]);
    }),
  );
});

test('refuses all conflicts at once, each with both values', () => {
  const left: VaultState = {
    owner: 'storage',
    namespaces: { '': { mounts: { keys: { type: 'kv', version: 1 }, t: { type: 'transit', keys: { k: {} } } } } },
  };
  const right: VaultState = {
    owner: 'platform',
    namespaces: {
      '': {
        mounts: {
          keys: { type: 'kv', version: 2 },
          t: { type: 'transit', keys: { k: { deletionAllowed: true } } },
        },
      },
    },
  };
  const issues = issuesOf(() => mergeVaultStates(left, right));
  expect(issues.map(({ path }) => path)).toEqual([
    'owner',
    'namespaces."".mounts.keys',
    'namespaces."".mounts.t.keys.k',
  ]);
  expect(issues[1]?.message).toMatch(/"version":1.*"version":2/);
});

test('refuses a union that does not fit together although each part does', () => {
  const at = (path: string): VaultState => ({
    owner: 'test',
    namespaces: { '': { mounts: { [path]: { type: 'kv', version: 2 } } } },
  });
  expect(issuesOf(() => mergeVaultStates(at('keys'), at('keys/shop')))).toMatchObject([
    { path: 'namespaces."".mounts.keys/shop' },
  ]);
});
