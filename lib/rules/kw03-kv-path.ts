// Trap 3: KV version 1 and 2 have different paths, and one of mount, policy and consumer means the other.
import { nearest } from '../schema/nearest';
import type { KvMount, VaultState } from '../vault/state';
import type { Cluster } from './read/cluster';
import { rookKmsOf } from './read/rook';
import { at, textOf, withoutSlashes } from './read/values';
import {
  anything,
  belowNamespace,
  covers,
  memberOf,
  namespaceOf,
  roleOf,
  type VaultClient,
  vaultClientsOf,
} from './read/vault';
import type { Fault, Rule } from './rule';
import { stateFault } from './state-fault';

/** First part of a path below a mount of version 2. */
const versionTwoParts = ['data', 'metadata', 'delete', 'undelete', 'destroy', 'subkeys', 'config'];

/** The rule. */
export const kvPath: Rule = {
  id: 'KW03',
  slug: 'kv-path',
  title: 'KV version or path differs between mount, policy and consumer',
  severity: 'error',
  why: 'Version 2 of the KV engine has `data/` and `metadata/` between mount and entry, and version 1 has not. A policy for the one denies everything on the other, and a consumer that adds `data/` by itself gets it twice. A version that is not declared is looked up in sys/mounts at each start, which the policy must allow.',
  evidence: {
    known: 'reported',
    where: 'vault#5644, rook#11454; ceph-csi v3.17 and Rook read the version in different words',
  },
  remedy: 'Declare the version on the mount, say the same to the consumer, and derive the policy from it',
  checks: [
    'no mount path of a consumer contains `data/` or `metadata/`',
    'a consumer says the version (a warning when it leaves it to be detected)',
    'the mount of a consumer is in the state of the Vault, with the version that the consumer says',
    'a policy path below a mount of version 2 has `data/`, `metadata/` … after the mount, and one of version 1 has not',
    'some policy of the role covers the path of the keys',
  ],
  *check(cluster) {
    const clients = vaultClientsOf(cluster);
    for (const client of clients) yield* consumerFaults(client);
    yield* objectStoreFaults(cluster);
    for (const issue of cluster.vaultIssues) if (issue.message.endsWith('(trap 3)')) yield stateFault(issue);
    if (cluster.vault === undefined) return;
    yield* policyFaults(cluster.vault);
    for (const client of clients) {
      yield* mountFaults(cluster.vault, client);
      yield* coverFaults(cluster.vault, client);
    }
  },
};

function* consumerFaults({ object, path, kv, kind, section }: VaultClient): Generator<Fault> {
  if (kv === undefined) return;
  const isRook = kind === 'rook';
  const mountKey = isRook ? 'VAULT_BACKEND_PATH' : 'vaultBackendPath';
  const spelt =
    section !== undefined && Object.hasOwn(section.raw, 'VAULT_BACKEND_PATH') ? 'VAULT_BACKEND_PATH' : mountKey;
  if (/(^|\/)(data|metadata)$/.test(kv.mount) && kv.version !== 1) {
    const message = 'ends with the part that the KV engine itself puts between mount and entry';
    yield {
      object,
      path: `${path}.${spelt}`,
      message,
      got: JSON.stringify(kv.mount),
      allowed: 'the mount alone',
      remedy: 'Remove data/ or metadata/ from the mount path',
    };
  }
  const [first] = kv.entry;
  if ((first === 'data' || first === 'metadata') && kv.version !== 1) {
    const message = 'begins with the part that the KV engine itself puts between mount and entry';
    yield {
      object,
      path: `${path}.vaultPassphrasePath`,
      message,
      allowed: 'the prefix alone',
      remedy: 'Remove data/ or metadata/ from the prefix',
    };
  }
  if (kv.version !== undefined) return;
  const message =
    'does not say the version of the KV engine: it is looked up in sys/mounts, which the policy must allow';
  const key =
    isRook || (section !== undefined && Object.hasOwn(section.raw, 'KMS_PROVIDER')) ? 'VAULT_BACKEND' : 'vaultBackend';
  const allowed = isRook ? '"v1", "v2"' : '"kv", "kv-v2"';
  yield { object, path: `${path}.${key}`, message, got: 'nothing that names a version', allowed, severity: 'warning' };
}

function* objectStoreFaults({ objects }: Cluster): Generator<Fault> {
  for (const { object, use, path, details } of rookKmsOf(objects)) {
    const mount = withoutSlashes(textOf(at(details, 'VAULT_BACKEND_PATH')) ?? '');
    if (use === 'osd' || !/(^|\/)(data|metadata)$/.test(mount)) continue;
    const message = 'ends with the part that Rook itself puts between mount and entry';
    yield {
      object,
      path: `${path}.VAULT_BACKEND_PATH`,
      message,
      got: JSON.stringify(mount),
      allowed: 'the mount alone',
      remedy: 'Remove data/ or metadata/ from the mount path',
    };
  }
}

function* mountFaults(state: VaultState, client: VaultClient): Generator<Fault> {
  const { object, path, what, kv, namespace } = client;
  const mounts = namespaceOf(state, namespace)?.mounts;
  if (kv === undefined || mounts === undefined) return;
  const mount = memberOf(mounts, kv.mount);
  const declared = Object.keys(mounts).filter((name) => mounts[name]?.type === 'kv');
  if (mount === undefined) {
    if (declared.length === 0) return;
    // A mount that looks like none of the declared ones may be somebody else's.
    const meant = nearest(kv.mount, declared);
    const remedy =
      meant === undefined
        ? 'Declare the mount with its version, or name one that is declared'
        : `Write ${meant}, or declare the mount`;
    yield {
      object,
      path,
      message: `${what} uses the KV mount ${JSON.stringify(kv.mount)}, which the state of the Vault does not declare`,
      allowed: declared.join(', '),
      remedy,
      severity: meant === undefined ? 'warning' : 'error',
    };
    return;
  }
  if (mount.type !== 'kv') {
    yield {
      object,
      path,
      message: `${what} keeps keys in ${JSON.stringify(kv.mount)}, which is no KV engine`,
      got: mount.type,
      allowed: 'kv',
    };
    return;
  }
  if (kv.version === undefined || kv.version === mount.version) return;
  const message = `${what} takes ${JSON.stringify(kv.mount)} for another version than the state of the Vault declares`;
  yield { object, path, message, got: `version ${kv.version}`, allowed: `version ${mount.version}` };
}

/** A policy that is of this state, and covers no path of the keys: the role logs in and is denied. */
function* coverFaults(state: VaultState, client: VaultClient): Generator<Fault> {
  const { kv, namespace, authNamespace, object, path, what } = client;
  const found = roleOf(state, client);
  const below = belowNamespace(namespace, authNamespace);
  if (kv === undefined || found === undefined || below === undefined) return;
  const declared = memberOf(namespaceOf(state, namespace)?.mounts, kv.mount);
  const version = kv.version ?? (declared?.type === 'kv' ? declared.version : undefined);
  if (version === undefined) return;
  const names = found.role.tokenPolicies ?? [];
  const policies = names.map((name) => memberOf(namespaceOf(state, authNamespace)?.policies, name));
  if (policies.length === 0 || policies.some((policy) => policy === undefined)) return;
  const wanted = [...below, ...kv.mount.split('/'), ...(version === 2 ? ['data'] : []), ...kv.entry];
  if (policies.some((policy) => policy?.rules.some((rule) => covers(rule.path, wanted)))) return;
  const readable = wanted.map((part) => (part === anything ? '<volume>' : part)).join('/');
  yield {
    object,
    path,
    message: `no policy of the role that ${what} logs in as covers the path of its keys`,
    got: names.join(', '),
    allowed: `a policy for ${readable}`,
  };
}

function* policyFaults(state: VaultState): Generator<Fault> {
  for (const [namespace, { mounts = {}, policies = {} }] of Object.entries(state.namespaces)) {
    const kv = Object.entries(mounts).filter((entry): entry is [string, KvMount] => entry[1].type === 'kv');
    for (const [name, { rules }] of Object.entries(policies)) {
      for (const [index, rule] of rules.entries()) {
        const [mount, options] = kv.find(([each]) => rule.path.startsWith(`${each}/`)) ?? [];
        if (mount === undefined || options === undefined) continue;
        const [part = ''] = rule.path.slice(mount.length + 1).split('/');
        const isOpen = part === '*' || part === '+' || part === '';
        const isOfTwo = versionTwoParts.some((each) => part === each || part === `${each}*`);
        const path = `namespaces[${JSON.stringify(namespace)}].policies[${JSON.stringify(name)}].rules[${index}].path`;
        if (options.version === 2 && !isOfTwo && !isOpen) {
          const remedy = `Write ${mount}/data/… for entries and ${mount}/metadata/… to list and delete them`;
          yield {
            object: 'VaultState',
            path,
            message: 'matches nothing of a KV engine of version 2',
            got: JSON.stringify(rule.path),
            allowed: `${mount}/data/…, ${mount}/metadata/…`,
            remedy,
          };
        }
        if (options.version === 1 && (part === 'data' || part === 'metadata')) {
          const remedy = `Remove ${part}/ from the path, or declare version 2`;
          yield {
            object: 'VaultState',
            path,
            message: 'has a part of version 2 below a mount of version 1',
            got: JSON.stringify(rule.path),
            allowed: `${mount}/…`,
            remedy,
          };
        }
      }
    }
  }
}
