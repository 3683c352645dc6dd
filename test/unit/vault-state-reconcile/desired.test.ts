import { parse } from 'yaml';
import { decodeVaultState } from '../../../lib/vault/state';
import { desiredObjects } from '../../../runtime/vault/reconcile/desired';
import { addressOf, splitNamespace, splitTransitKey } from '../../../runtime/vault/reconcile/object-id';
import { codeBlocks, read } from '../docs/markdown';

const role = { boundServiceAccountNames: ['a'], boundServiceAccountNamespaces: ['a'], tokenPolicies: ['p'] };
const kubernetes = (reviewer: object) => ({
  type: 'kubernetes',
  config: { kubernetesHost: 'https://k', reviewer },
  roles: { r: role },
});
const objects = (root: object, others: object = {}) =>
  desiredObjects(decodeVaultState({ owner: 'o', namespaces: { '': root, ...others } }));

test('objects come in the order in which they can be made', () => {
  const found = objects(
    {
      quotas: { q: { path: 'kv', rate: 1 } },
      auth: { k: kubernetes({ mode: 'vault-own-token' }) },
      policies: { p: { rules: [{ path: 'a', capabilities: ['read'] }] } },
      mounts: { 't/keys': { type: 'transit', keys: { k: {} } }, kv: { type: 'kv', version: 1 } },
    },
    { 'a/b': {}, a: { mounts: { kv: { type: 'kv', version: 1 } } } },
  );
  expect(found.map(({ id }) => addressOf(id))).toEqual([
    'sys/namespaces/a',
    'a/sys/namespaces/b',
    'sys/mounts/kv',
    'sys/mounts/t/keys',
    'a/sys/mounts/kv',
    't/keys/keys/k',
    'sys/auth/k',
    'sys/policies/acl/p',
    'auth/k/role/r',
    'sys/quotas/rate-limit/q',
  ]);
});

test.each([
  ['vault-own-token', {}, false],
  ['client-token', {}, true],
  ['reviewer-token', { tokenReviewerJwt: { file: '/t' } }, true],
])('R4: the reviewer mode %s', (mode, more, disabled) => {
  const found = objects({
    policies: { p: { rules: [{ path: 'a', capabilities: ['read'] }] } },
    auth: { k: kubernetes({ mode, ...more }) },
  });
  const config = found.find(({ id }) => id.kind === 'auth')?.sections[1];
  expect(config?.given.disable_local_ca_jwt).toBe(disabled);
  expect(config?.secrets).toEqual(mode === 'reviewer-token' ? { token_reviewer_jwt: { file: '/t' } } : {});
});

test('paths with the words of the API in them are taken apart at the right place', () => {
  expect(splitTransitKey('a/keys/b/keys/k')).toEqual({ mount: 'a/keys/b', key: 'k' });
  expect(splitNamespace('a/b/c')).toEqual({ parent: 'a/b', name: 'c' });
  expect(splitNamespace('a')).toEqual({ parent: '', name: 'a' });
});

test('the state of the documents is one', () => {
  const [example = ''] = codeBlocks(read('docs/vault-cli.md'), 'yaml');
  expect(desiredObjects(decodeVaultState(parse(example)))).toHaveLength(6);
});
