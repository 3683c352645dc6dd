// Trap 7: the namespace of the login is not that of the keys, and each consumer spells the KV version in its own words.
import type { VaultState } from '../vault/state';
import type { KmsSectionView } from './read/kms-sections';
import { rookKmsOf } from './read/rook';
import { at, textOf, withoutSlashes } from './read/values';
import { belowNamespace, memberOf, type VaultClient, vaultClientsOf } from './read/vault';
import type { Fault, Rule } from './rule';

/** The rule. */
export const namespaceConfusion: Rule = {
  id: 'KW07',
  slug: 'namespace',
  title: 'Login and keys are in namespaces that do not reach each other, or the version is spelt for another consumer',
  severity: 'error',
  why: 'A token reaches its own namespace and those below. ceph-csi logs in where `vaultAuthNamespace` says and puts `vaultNamespace` into the path; a namespace that is also written into the mount path is there twice. ceph-csi knows `kv` and `kv-v2` and takes `v2` for nothing said; Rook’s operator knows `v1` and `v2`, and its object store `v2` alone.',
  evidence: { known: 'source', where: 'libopenstorage/secrets as ceph-csi v3.17 and Rook use it' },
  remedy: 'Log in at the namespace of the keys or above it, and spell each value as its reader does',
  checks: [
    'the namespace of the keys is that of the login, or below it',
    'mount path and login path do not repeat the namespace',
    'ceph-csi: `vaultBackend` is `kv` or `kv-v2`; Rook: `VAULT_BACKEND` is `v1`, `v2`, `kv` or `kv-v2`, in an object store `v2`',
    'KV mount and auth mount are in the namespace of the state where the consumer looks for them',
  ],
  *check(cluster) {
    for (const section of cluster.sections()) yield* spelling(section);
    yield* rookFaults(rookKmsOf(cluster.objects));
    for (const client of vaultClientsOf(cluster)) {
      yield* reachFaults(client);
      if (cluster.vault !== undefined) yield* placeFaults(cluster.vault, client);
    }
  },
};

function* spelling({ object, path, raw, type }: KmsSectionView): Generator<Fault> {
  if (type === undefined || !type.startsWith('vault')) return;
  for (const key of ['vaultBackend', 'VAULT_BACKEND']) {
    const value = at(raw, key);
    if (typeof value !== 'string' || ['', 'kv', 'kv-v2'].includes(value.trim())) continue;
    const meant = /^v?1$/.test(value) ? 'kv' : /^v?2$/.test(value) ? 'kv-v2' : 'kv-v2 or kv';
    const message = 'is no version that ceph-csi knows: it looks the mount up in sys/mounts instead';
    yield { object, path: `${path}.${key}`, message, allowed: '"kv", "kv-v2"', remedy: `Write ${meant}` };
  }
  const authPath = textOf(at(raw, 'vaultAuthPath'));
  const before = authPath === undefined ? undefined : /^\/?v1\/(.+?)\/auth\//.exec(authPath)?.[1];
  if (before === undefined) return;
  const message = 'has a namespace before auth/, which ceph-csi cuts off: it logs in elsewhere';
  yield {
    object,
    path: `${path}.vaultAuthPath`,
    message,
    allowed: '"/v1/auth/<mount>/login"',
    remedy: 'Put the namespace into vaultAuthNamespace',
  };
}

function* rookFaults(blocks: ReturnType<typeof rookKmsOf>): Generator<Fault> {
  for (const { object, use, path, details, provider } of blocks) {
    const backend = textOf(at(details, 'VAULT_BACKEND'));
    if (provider !== 'vault' || backend === undefined) continue;
    const allowed = use === 'osd' ? ['v1', 'v2', 'kv', 'kv-v2'] : ['v2'];
    const isTransit = at(details, 'VAULT_SECRET_ENGINE') === 'transit';
    if (allowed.includes(backend) || (use !== 'osd' && isTransit)) continue;
    const message = use === 'osd' ? 'is no version that Rook knows' : 'is no version that the object store can use';
    yield {
      object,
      path: `${path}.VAULT_BACKEND`,
      message,
      allowed: allowed.join(', '),
      remedy: `Write ${allowed.at(use === 'osd' ? 1 : 0)}`,
    };
  }
}

function* reachFaults(client: VaultClient): Generator<Fault> {
  const { object, path, what, namespace, authNamespace, kv, kind } = client;
  if (belowNamespace(namespace, authNamespace) === undefined) {
    const message = `${what} logs in at a namespace whose tokens do not reach the one of its keys`;
    const key = kind === 'rook' ? 'VAULT_NAMESPACE' : 'vaultAuthNamespace';
    yield {
      object,
      path: `${path}.${key}`,
      message,
      got: JSON.stringify(authNamespace),
      allowed: JSON.stringify(namespace),
    };
  }
  if (kv === undefined || namespace === '' || !withoutSlashes(kv.mount).startsWith(`${namespace}/`)) return;
  const message = `${what} has its namespace in the mount path too: it stands before it already`;
  yield {
    object,
    path,
    message,
    got: JSON.stringify(kv.mount),
    allowed: JSON.stringify(kv.mount.slice(namespace.length + 1)),
  };
}

/** What a consumer looks for is in the state, in another namespace. */
function* placeFaults(state: VaultState, client: VaultClient): Generator<Fault> {
  const { object, path, what, kv, login, namespace, authNamespace } = client;
  const names = Object.keys(state.namespaces);
  // A state of one namespace without a name is of whatever namespace its client is set to.
  if (names.length < 2 && Object.hasOwn(state.namespaces, '')) return;
  const elsewhere = (kind: 'mounts' | 'auth', mount: string, here: string) =>
    memberOf(state.namespaces[here]?.[kind] as Readonly<Record<string, unknown>> | undefined, mount) === undefined
      ? names.filter(
          (each) =>
            memberOf(state.namespaces[each]?.[kind] as Readonly<Record<string, unknown>> | undefined, mount) !==
            undefined,
        )
      : [];
  const mounts = kv === undefined ? [] : elsewhere('mounts', kv.mount, namespace);
  if (mounts.length > 0) {
    const message = `${what} looks for its KV mount in a namespace that does not have it`;
    yield {
      object,
      path,
      message,
      got: JSON.stringify(namespace),
      allowed: mounts.map((each) => JSON.stringify(each)).join(', '),
    };
  }
  const methods = login === undefined ? [] : elsewhere('auth', login.mount, authNamespace);
  if (methods.length === 0) return;
  const message = `${what} logs in at a namespace that does not have its auth mount`;
  yield {
    object,
    path,
    message,
    got: JSON.stringify(authNamespace),
    allowed: methods.map((each) => JSON.stringify(each)).join(', '),
  };
}
