// Trap 10: what cannot be changed in place is changed, or what is in use goes away. Needs the objects that are there now.
import type { VaultState } from '../vault/state';
import type { Cluster } from './read/cluster';
import { annotationOf, type KubernetesObject } from './read/kubernetes-object';
import { at, listOf, pathOf, textOf } from './read/values';
import { memberOf, type VaultClient, vaultClientsOf } from './read/vault';
import type { Fault, Rule } from './rule';

/** Fields that the API server refuses to change, with what it takes for an absent one. */
const immutable: Readonly<Record<string, readonly (readonly [path: readonly string[], absent: unknown])[]>> = {
  StorageClass: [
    [['provisioner'], ''],
    [['parameters'], {}],
    [['reclaimPolicy'], 'Delete'],
    [['volumeBindingMode'], 'Immediate'],
  ],
  CSIDriver: [
    [['spec', 'attachRequired'], true],
    [['spec', 'volumeLifecycleModes'], ['Persistent']],
  ],
  PersistentVolumeClaim: [[['spec', 'storageClassName'], undefined]],
};

/** The rule. */
export const immutableChange: Rule = {
  id: 'KW10',
  slug: 'immutable',
  title: 'A change of what cannot change, or the end of what is in use',
  severity: 'error',
  why: 'A StorageClass cannot be edited: the API server refuses it, or a tool deletes and makes it anew while claims wait for it. A KMS section, a mount, a role or a key that volumes still need can be deleted without a word, and the volumes do not open at the next restart.',
  evidence: { known: 'documented', where: 'Kubernetes API validation; rook#14776, bank-vaults#605 for removals' },
  remedy: 'Give the new one a new name, move the users over, then remove the old one',
  checks: [
    'immutable fields of StorageClass, CSIDriver and PersistentVolumeClaim are as before (with the earlier manifests)',
    'no StorageClass goes that a claim, a volume or a StatefulSet of the set uses',
    'no KMS section goes that a class or a volume uses',
    'no KV mount, role or transit key of the Vault goes, or changes its version, while something uses it (with the earlier state)',
  ],
  *check(cluster) {
    const { previous } = cluster;
    if (previous === undefined) return;
    for (const [kind, fields] of Object.entries(immutable)) {
      for (const object of cluster.objects.of(kind)) {
        const before = previous.objects.find(kind, object.name, object.namespace);
        if (before !== undefined) yield* changes(object, before, fields);
      }
    }
    yield* removedClasses(cluster, previous);
    yield* removedSections(cluster, previous);
    if (cluster.vault !== undefined && previous.vault !== undefined) {
      yield* removedKeys(cluster.vault, previous.vault, cluster);
      for (const client of vaultClientsOf(cluster)) yield* removedPaths(cluster.vault, previous.vault, client);
    }
  },
};

function* changes(
  object: KubernetesObject,
  before: KubernetesObject,
  fields: readonly (readonly [readonly string[], unknown])[],
): Generator<Fault> {
  for (const [path, absent] of fields) {
    const now = at(object.fields, ...path) ?? absent;
    const then = at(before.fields, ...path) ?? absent;
    if (isSame(now, then)) continue;
    const message = `differs from what is there, and a ${object.kind} cannot change it`;
    yield { object, path: pathOf(...path), message, remedy: `Give the new ${object.kind} a name of its own` };
  }
}

/** Names of the classes that something of the set uses, with the first user. */
function classUsers({ objects }: Cluster): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  const note = (name: unknown, user: KubernetesObject) => {
    if (typeof name === 'string' && name !== '' && !users.has(name)) users.set(name, user.label);
  };
  for (const object of objects.of('PersistentVolumeClaim', 'PersistentVolume')) {
    note(at(object.fields, 'spec', 'storageClassName'), object);
    note(annotationOf(object, 'volume.beta.kubernetes.io/storage-class'), object);
  }
  for (const object of objects.of('StatefulSet')) {
    for (const template of listOf(at(object.fields, 'spec', 'volumeClaimTemplates'))) {
      note(at(template, 'spec', 'storageClassName'), object);
    }
  }
  return users;
}

function* removedClasses(cluster: Cluster, previous: Cluster): Generator<Fault> {
  const users = new Map([...classUsers(previous), ...classUsers(cluster)]);
  for (const { object } of previous.classes()) {
    const user = users.get(object.name);
    if (user === undefined || cluster.objects.named('StorageClass', object.name).length > 0) continue;
    yield {
      object,
      path: 'metadata.name',
      message: `is gone, and ${user} uses it`,
      remedy: 'Keep it until nothing uses it',
    };
  }
}

function* removedSections(cluster: Cluster, previous: Cluster): Generator<Fault> {
  const users = new Map<string, string>();
  for (const { object, kmsId } of [...cluster.classes(), ...previous.classes()]) {
    if (kmsId !== undefined && !users.has(kmsId)) users.set(kmsId, object.label);
  }
  for (const object of [...cluster.objects.of('PersistentVolume'), ...previous.objects.of('PersistentVolume')]) {
    const id = textOf(at(object.fields, 'spec', 'csi', 'volumeAttributes', 'encryptionKMSID'));
    if (id !== undefined && !users.has(id)) users.set(id, object.label);
  }
  for (const { object, id, path } of previous.sections()) {
    const user = users.get(id);
    if (user === undefined || cluster.sectionsOf(id).length > 0 || isMigrated(cluster, id)) continue;
    const place = cluster.objects.find('ConfigMap', object.name, object.namespace) ?? object;
    yield {
      object: place,
      path,
      message: `the KMS ${JSON.stringify(id)} is gone, and the volumes of ${user} need it`,
      remedy: 'Keep the section until no volume names it',
    };
  }
}

function* removedKeys(now: VaultState, then: VaultState, cluster: Cluster): Generator<Fault> {
  for (const [namespace, { mounts = {} }] of Object.entries(then.namespaces)) {
    for (const [mount, { type, ...options }] of Object.entries(mounts)) {
      if (type !== 'transit') continue;
      const kept = memberOf(now.namespaces[namespace]?.mounts, mount);
      for (const key of Object.keys(('keys' in options ? options.keys : undefined) ?? {})) {
        if (kept?.type === 'transit' && memberOf(kept.keys, key) !== undefined) continue;
        if (isMigrated(cluster, `${mount}/${key}`)) continue;
        const path = `namespaces[${JSON.stringify(namespace)}].mounts[${JSON.stringify(mount)}].keys[${JSON.stringify(key)}]`;
        yield {
          object: 'VaultState',
          path,
          message: 'is gone, and what it wrapped cannot be read without it',
          remedy: 'Keep the key; move what it wrapped, and name it as migrated',
        };
      }
    }
  }
}

function* removedPaths(
  now: VaultState,
  then: VaultState,
  { kv, login, namespace, authNamespace, object, path, what }: VaultClient,
): Generator<Fault> {
  if (kv !== undefined) {
    const before = memberOf(then.namespaces[namespace]?.mounts, kv.mount);
    const after = memberOf(now.namespaces[namespace]?.mounts, kv.mount);
    if (before !== undefined && after === undefined) {
      yield {
        object,
        path,
        message: `${what} keeps its keys in the mount ${JSON.stringify(kv.mount)}, which is gone from the state of the Vault`,
      };
    } else if (before?.type === 'kv' && after?.type === 'kv' && before.version !== after.version) {
      yield {
        object,
        path,
        message: `${what} keeps its keys in the mount ${JSON.stringify(kv.mount)}, whose version changes: it is another engine`,
        got: `version ${after.version}`,
        allowed: `version ${before.version}`,
      };
    }
  }
  if (login === undefined) return;
  const before = hasRole(then, authNamespace, login);
  const after = hasRole(now, authNamespace, login);
  if (!before || after) return;
  yield {
    object,
    path,
    message: `${what} logs in as the role ${JSON.stringify(login.role)}, which is gone from the state of the Vault`,
  };
}

/** Whether whoever runs the rules says that nothing needs this any more. */
export function isMigrated({ context }: Cluster, name: string): boolean {
  return context.migrated?.includes(name) === true;
}

/** These fields hold a word, or words by key or in a list: nothing deeper is compared. */
function isSame(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  const [ours, theirs] = [Object.entries(left), Object.entries(right)];
  return ours.length === theirs.length && ours.every(([key, value]) => at(right, key) === value);
}

function hasRole(state: VaultState, namespace: string, { mount, role }: NonNullable<VaultClient['login']>): boolean {
  const roles = memberOf(state.namespaces[namespace]?.auth, mount)?.roles;
  return roles !== undefined && Object.hasOwn(roles, role);
}
