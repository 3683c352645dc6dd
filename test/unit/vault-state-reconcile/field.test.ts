import { apiName, differences, type Field, normal, withDefaults } from '../../../runtime/vault/reconcile/field';
import { roleFields } from '../../../runtime/vault/reconcile/field-tables';

describe('two values of one member mean the same', () => {
  test.each([
    ['seconds', 5_400, '1h30m0s'],
    ['seconds', 3_600, '3600'],
    ['seconds', 0, '0s'],
    ['seconds', 90_061, '25h1m1s'],
    ['set', ['b', 'a'], 'a,b'],
    ['set', [], null],
    ['set', ['a', 'a'], ['a']],
    ['policies', ['Admin'], ['admin']],
    ['cidrs', ['10.0.0.1/32', '::1/128'], ['::1', '10.0.0.1']],
    ['pem', 'a\nb\n', ' a\r\nb'],
    ['pems', ['a\n'], ['a']],
    ['lines', 'path "a" {}\n', 'path "a" {}'],
    ['path', 'kv', 'kv/'],
    ['switch', false, undefined],
    ['map', { b: 'x', a: ['z', 'y'] }, { a: ['y', 'z'], b: ['x'] }],
  ] as const)('%s: %j and %j', (form, one, other) => {
    expect(JSON.stringify(normal(form, one))).toBe(JSON.stringify(normal(form, other)));
  });

  test.each([
    ['seconds', 60, '60m0s'],
    ['set', ['a'], ['a', 'b']],
    ['set', ['a'], ['A']],
    ['cidrs', ['10.0.0.0/24'], ['10.0.0.0']],
    ['lines', 'a\n\nb', 'a\nb'],
    ['switch', true, undefined],
    ['map', { a: 'x' }, { a: 'y' }],
  ] as const)('but not %s: %j and %j', (form, one, other) => {
    expect(JSON.stringify(normal(form, one))).not.toBe(JSON.stringify(normal(form, other)));
  });
});

describe('differences', () => {
  const fields: readonly Field[] = [
    { name: 'ttl', form: 'seconds', unset: 0 },
    { name: 'host', form: 'text', unset: undefined },
  ];

  test('a member that the server does not give back counts as its default', () => {
    expect(differences(fields, { ttl: 0 }, {})).toEqual([]);
    expect(differences(fields, { ttl: 5 }, {})).toEqual([{ name: 'ttl', before: 0, after: 5 }]);
  });

  test('what nobody asks for is not compared, and what has no default is new', () => {
    expect(differences(fields, {}, { ttl: 7, host: 'x' })).toEqual([]);
    expect(differences(fields, { host: 'x' }, {})).toEqual([{ name: 'host', after: 'x' }]);
  });

  test('what is ours is the default where the state is silent, and left alone where there is none', () => {
    expect(withDefaults(fields, {})).toEqual({ ttl: 0 });
    expect(withDefaults(fields, { host: 'x', ttl: 9 })).toEqual({ host: 'x', ttl: 9 });
  });
});

test('trap 4: every member of a role of the state is one that is kept', () => {
  const members = {
    kubernetes: ['boundServiceAccountNames', 'boundServiceAccountNamespaces', 'audience', 'aliasNameSource'],
    approle: ['bindSecretId', 'secretIdTtl', 'secretIdNumUses', 'secretIdBoundCidrs'],
    token: ['allowedPolicies', 'disallowedPolicies', 'orphan', 'renewable', 'tokenExplicitMaxTtl', 'tokenType'],
    cert: ['certificate', 'allowedCommonNames', 'allowedDnsSans', 'allowedUriSans'],
    jwt: ['userClaim', 'boundAudiences', 'boundSubject', 'boundClaims', 'claimMappings'],
  };
  for (const [type, names] of Object.entries(members)) {
    const kept = roleFields[type as keyof typeof roleFields].map(({ name }) => name);
    expect(kept).toEqual(expect.arrayContaining(names.map(apiName)));
  }
});
