import {
  accessorPaths,
  accessorPlaceholder,
  kvAccess,
  kvVerbs,
  mergeRules,
  mountsAccess,
  resolveAccessors,
  serviceAccountNamespace,
  toHcl,
  tokenSelfAccess,
  transitAccess,
} from '../../../lib/vault';
import { issuesOf } from '../schema/issues-of';

const said = (rules: ReturnType<typeof kvAccess>) =>
  Object.fromEntries(rules.map(({ path, capabilities }) => [path, capabilities.join(' ')]));

describe('access to a KV engine', () => {
  test('of version 2 goes by the endpoints of its API (trap 3)', () => {
    const access = { mountPath: 'keys', mount: { version: 2 }, prefix: 'shop/', verbs: kvVerbs } as const;
    expect(said(kvAccess(access))).toEqual({
      'keys/data/shop/*': 'create read update delete',
      'keys/metadata/shop/*': 'read delete list',
      'keys/delete/shop/*': 'update',
      'keys/undelete/shop/*': 'update',
      'keys/destroy/shop/*': 'update',
    });
  });

  test('of version 1 goes by the entries themselves, and both deletions are one', () => {
    const verbs = ['read', 'write', 'delete', 'destroy', 'list'] as const;
    const rules = kvAccess({ mountPath: 'a/b', mount: { version: 1 }, verbs });
    expect(said(rules)).toEqual({ 'a/b/*': 'create read update delete list' });
  });

  test.each(['read-metadata', 'delete-versions', 'undelete-versions', 'destroy-versions'] as const)(
    'refuses %s at version 1, which has no versions (trap 3)',
    (verb) => {
      const fails = () => kvAccess({ mountPath: 'keys', mount: { version: 1 }, verbs: [verb] });
      expect(issuesOf(fails)).toMatchObject([{ path: 'verbs' }]);
    },
  );

  test('lists the folder of a prefix that is only the beginning of a name', () => {
    const access = { mountPath: 'osd', mount: { version: 2 }, prefix: 'rook/key-', verbs: ['read', 'list'] } as const;
    expect(said(kvAccess(access))).toEqual({ 'osd/data/rook/key-*': 'read', 'osd/metadata/rook/': 'list' });
  });

  test('in a namespace below that of the policy begins with it (trap 7)', () => {
    const access = { mountPath: 'keys', mount: { version: 2 }, verbs: ['read'], namespace: 'team/db' } as const;
    expect(said(kvAccess(access))).toEqual({ 'team/db/keys/data/*': 'read' });
    expect(said(mountsAccess('team/db'))).toEqual({ 'team/db/sys/mounts': 'read' });
  });
});

test('access to a transit key never makes or deletes one', () => {
  const verbs = ['encrypt', 'decrypt', 'rewrap', 'read-key', 'rotate'] as const;
  expect(said(transitAccess({ mountPath: 'transit', key: 'kms', verbs }))).toEqual({
    'transit/decrypt/kms': 'update',
    'transit/encrypt/kms': 'update',
    'transit/keys/kms': 'read',
    'transit/keys/kms/rotate': 'update',
    'transit/rewrap/kms': 'update',
  });
});

test('rules for one path become one, in a stable order, with the reasons of all', () => {
  const first = { path: 'b', capabilities: ['update', 'create'], comment: 'writes' } as const;
  const second = { path: 'b', capabilities: ['read'], comment: 'reads' } as const;
  const third = { path: 'a', capabilities: ['list'] } as const;
  const merged = mergeRules([first, second, third]);
  expect(merged).toEqual([
    { path: 'a', capabilities: ['list'] },
    { path: 'b', capabilities: ['create', 'read', 'update'], comment: 'reads; writes' },
  ]);
  expect(mergeRules([third, second, first])).toEqual(merged);
});

test('a policy as HCL has the same bytes in whatever order its rules are', () => {
  const rules = [...tokenSelfAccess(['lookup', 'renew'], 'keeps it alive'), ...mountsAccess()];
  const hcl = toHcl({ rules });
  expect(hcl).toBe(
    '# keeps it alive\npath "auth/token/lookup-self" {\n  capabilities = ["read"]\n}\n\n' +
      '# keeps it alive\npath "auth/token/renew-self" {\n  capabilities = ["update"]\n}\n\n' +
      'path "sys/mounts" {\n  capabilities = ["read"]\n}\n',
  );
  expect(toHcl({ rules: [...rules].reverse() })).toBe(hcl);
});

describe('the placeholder of an accessor', () => {
  const text = `${serviceAccountNamespace('k8s/prod')} ${accessorPlaceholder('kubernetes')} ${accessorPlaceholder('k8s/prod')}`;

  test('names each auth method once', () => {
    expect(accessorPaths(text)).toEqual(['k8s/prod', 'kubernetes']);
    expect(accessorPaths('{{identity.entity.id}}')).toEqual([]);
  });

  test('gives way to the accessor, inside an identity template too', () => {
    const accessors = new Map([
      ['k8s/prod', 'auth_kubernetes_1'],
      ['kubernetes', 'auth_kubernetes_2'],
    ]);
    expect(resolveAccessors(text, (path) => accessors.get(path))).toBe(
      '{{identity.entity.aliases.auth_kubernetes_1.metadata.service_account_namespace}} auth_kubernetes_2 auth_kubernetes_1',
    );
  });

  test('refuses an auth method that is not there', () => {
    expect(issuesOf(() => resolveAccessors(text, () => undefined))).toMatchObject([
      { path: '{{accessor:auth/k8s/prod}}' },
    ]);
  });
});
