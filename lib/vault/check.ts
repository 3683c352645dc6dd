// What must agree between the parts of a state. The shape of each part is namespace.ts's.
import { nearest } from '../schema/nearest';
import type { SchemaIssue } from '../schema/schema-error';
import { accessorPaths } from './accessor';
import type { VaultNamespace, VaultState } from './namespace';

/** Everything in which the parts of a state do not fit together; empty when they do. */
export function checkVaultState({ namespaces }: VaultState): readonly SchemaIssue[] {
  return Object.entries(namespaces).flatMap(([path, namespace]) => {
    const at = `namespaces.${path || '""'}`;
    return [
      ...unknownPolicies(namespace),
      ...unknownAccessors(namespace),
      ...oddTokenMethods(namespace),
      ...openRoles(namespace),
      ...versionedFieldsOfPlainKv(namespace),
      ...mountsInTheWay(namespace),
      ...(path === '' ? [] : onlyOfTheRoot(namespace)),
    ].map((issue) => ({ ...issue, path: `${at}.${issue.path}` }));
  });
}

/** Policies that every namespace has without anybody's doing. */
const builtIn = ['default'];

function* unknownPolicies({ policies = {}, externalPolicies = [], auth = {} }: VaultNamespace): Generator<SchemaIssue> {
  const known = new Set([...Object.keys(policies), ...externalPolicies, ...builtIn]);
  for (const [path, { roles = {} }] of Object.entries(auth)) {
    for (const [role, body] of Object.entries(roles)) {
      for (const field of ['tokenPolicies', 'allowedPolicies'] as const) {
        const named: readonly string[] =
          (field in body ? (body as Readonly<Record<string, never>>)[field] : undefined) ?? [];
        for (const policy of named.filter((one) => !known.has(one))) {
          const meant = nearest(policy, [...known]);
          yield {
            path: `auth.${path}.roles.${role}.${field}`,
            message: `names the policy ${JSON.stringify(policy)}, which does not exist (trap 4)`,
            allowed: [...known],
            remedy:
              meant === undefined
                ? 'add it to the policies, or to externalPolicies if somebody else keeps it'
                : `write ${JSON.stringify(meant)}, or add the policy`,
          };
        }
      }
    }
  }
}

function* unknownAccessors({ policies = {}, auth = {} }: VaultNamespace): Generator<SchemaIssue> {
  for (const [name, { rules }] of Object.entries(policies)) {
    const waitedFor = new Set(rules.flatMap(({ path }) => accessorPaths(path)));
    for (const path of [...waitedFor].filter((one) => one !== 'token' && !Object.hasOwn(auth, one))) {
      yield {
        path: `policies.${name}`,
        message: `takes the accessor of auth/${path}, which is not in this namespace of the state`,
        allowed: Object.keys(auth),
        remedy: 'declare the auth method beside the policy: identities belong to one namespace',
      };
    }
  }
}

function* oddTokenMethods({ auth = {} }: VaultNamespace): Generator<SchemaIssue> {
  for (const [path, { type }] of Object.entries(auth)) {
    if ((type === 'token') === (path === 'token')) continue;
    yield {
      path: `auth.${path}.type`,
      message: type === 'token' ? 'is "token" at another path' : 'is not "token", and this path is the one of tokens',
      remedy: 'the token method is at "token", always and only there',
    };
  }
}

function* openRoles({ auth = {} }: VaultNamespace): Generator<SchemaIssue> {
  for (const [path, method] of Object.entries(auth)) {
    if (method.type !== 'kubernetes') continue;
    for (const [role, bound] of Object.entries(method.roles ?? {})) {
      const isAny = (names: readonly string[]) => names.some((one) => one === '*');
      if (!isAny(bound.boundServiceAccountNames) || !isAny(bound.boundServiceAccountNamespaces)) continue;
      yield {
        path: `auth.${path}.roles.${role}`,
        message: 'lets every service account of every namespace in (trap 5)',
        remedy: 'name the service accounts and the namespaces',
      };
    }
  }
}

function* versionedFieldsOfPlainKv({ mounts = {} }: VaultNamespace): Generator<SchemaIssue> {
  for (const [path, mount] of Object.entries(mounts)) {
    if (mount.type !== 'kv' || mount.version === 2) continue;
    for (const field of ['maxVersions', 'casRequired', 'deleteVersionAfter'] as const) {
      if (mount[field] === undefined) continue;
      yield {
        path: `mounts.${path}.${field}`,
        message: 'is for version 2 only (trap 3)',
        remedy: 'remove it, or declare version 2',
      };
    }
  }
}

/** Engines of the server itself. */
const reserved = ['sys', 'auth', 'identity', 'cubbyhole'];

function* mountsInTheWay({ mounts = {}, auth = {} }: VaultNamespace): Generator<SchemaIssue> {
  for (const path of Object.keys(mounts)) {
    if (reserved.includes(path.split('/')[0] ?? '')) {
      yield { path: `mounts.${path}`, message: 'is a path of the server itself', remedy: 'mount the engine elsewhere' };
    }
  }
  for (const [kind, paths] of [
    ['mounts', Object.keys(mounts)],
    ['auth', Object.keys(auth)],
  ] as const) {
    const taken = new Set(paths);
    for (const path of paths) {
      const outer = above(path).find((other) => taken.has(other));
      if (outer === undefined) continue;
      yield { path: `${kind}.${path}`, message: `is below ${outer}, where no other fits`, remedy: 'use another path' };
    }
  }
}

/** `a` and `a/b` for `a/b/c`. */
function above(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

function* onlyOfTheRoot({ quotas = {}, audit = {} }: VaultNamespace): Generator<SchemaIssue> {
  for (const [kind, entries] of Object.entries({ quotas, audit })) {
    if (Object.keys(entries).length === 0) continue;
    yield { path: kind, message: 'can be set in the root namespace only', remedy: 'move it to the namespace ""' };
  }
}
