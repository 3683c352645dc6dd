// Trap 4: a name or a field that nothing knows: a role's policy, a KMS id, a key of a section.
import { nearest } from '../schema/nearest';
import type { VaultState } from '../vault/state';
import { unknownKeys } from './kw04-unknown-keys';
import { clusterListsOf } from './read/ceph-clusters';
import type { Cluster } from './read/cluster';
import type { KmsSectionView } from './read/kms-sections';
import { isCephCsi } from './read/storage-class';
import { at, goBooleanOf, pathOf, textOf } from './read/values';
import { authOf, memberOf, namespaceOf, type VaultClient, vaultClientsOf } from './read/vault';
import type { Fault, Rule } from './rule';
import { sentence, stateFault } from './state-fault';
import { unknownFault } from './unknown-fault';

/** The rule. */
export const unknownName: Rule = {
  id: 'KW04',
  slug: 'unknown-name',
  title: 'A name that does not exist, or a misspelt field',
  severity: 'error',
  why: 'Vault takes a role with a policy that does not exist: the login succeeds and every request is denied. ceph-csi skips keys that it does not know, so a misspelt one leaves the default in force. A KMS id without a section fails at the first volume.',
  evidence: { known: 'reported', where: 'vault#5607, vault-helm#562, rook#11454; ceph-csi v3.17 (internal/kms)' },
  remedy: 'Write a name that exists; the nearest one is told where there is one',
  checks: [
    'the state of the Vault has no unknown field, and every policy of a role is in it',
    'auth mount and role of each consumer are in the state of the Vault',
    'the KMS id of a class has a section, and each section decodes as the driver would read it',
    'the cluster of a class for RBD images is in the list that its driver reads, and the list can be read',
    'keys of tenant ConfigMaps, `connectionDetails`, `csi-addons-config` and EncryptionConfigurations are known',
    'a configuration file of keyward’s KMS plugin that the set delivers decodes as the plugin would read it',
  ],
  *check(cluster) {
    for (const issue of cluster.vaultIssues) if (!/\(trap (3|5)\)$/.test(issue.message)) yield stateFault(issue);
    if (cluster.vault !== undefined) {
      for (const client of vaultClientsOf(cluster)) yield* loginFaults(cluster.vault, client, cluster.isVaultPartial);
    }
    yield* classFaults(cluster);
    yield* clusterFaults(cluster);
    yield* sectionFaults(cluster);
    yield* pluginFaults(cluster);
    yield* unknownKeys(cluster);
  },
};

function* loginFaults(
  state: VaultState,
  { object, path, what, login, authNamespace }: VaultClient,
  isPartial: boolean,
): Generator<Fault> {
  const isSure = (name: string, known: readonly string[]) => !isPartial || nearest(name, known) !== undefined;
  const methods = namespaceOf(state, authNamespace)?.auth;
  if (login === undefined || methods === undefined) return;
  const auth = authOf(state, authNamespace, login.mount);
  const mounts = Object.keys(methods).filter((mount) => methods[mount]?.type === 'kubernetes');
  if (auth === undefined) {
    if (mounts.length > 0 && isSure(login.mount, mounts))
      yield unknownFault(object, path, `${what} logs in at an auth mount that does not exist`, login.mount, mounts);
    return;
  }
  if (auth.type !== 'kubernetes') {
    const message = `${what} logs in with a service account at a mount of another auth method`;
    yield { object, path, message, got: auth.type, allowed: 'kubernetes' };
    return;
  }
  const roles = Object.keys(auth.roles ?? {});
  if (memberOf(auth.roles, login.role) !== undefined || !isSure(login.role, roles)) return;
  yield unknownFault(object, path, `${what} logs in as a role that does not exist`, login.role, roles);
}

function* classFaults(cluster: Cluster): Generator<Fault> {
  const known = cluster.sections().map(({ id }) => id);
  if (cluster.kmsConfigMaps().length === 0) return;
  for (const view of cluster.classes()) {
    const { object, kmsId, driver } = view;
    if (kmsId === undefined || kmsId === '' || cluster.sectionsOf(kmsId).length > 0) continue;
    if (driver === 'other' || (kmsId === 'default' && isCephCsi(view))) continue;
    yield unknownFault(object, 'parameters.encryptionKMSID', 'names a KMS that no ConfigMap of the set has', kmsId, [
      ...new Set(known),
    ]);
  }
}

/** A list that several classes need is told of once. */
function* clusterFaults(cluster: Cluster): Generator<Fault> {
  const told = new Set<string>();
  for (const view of cluster.classes()) {
    const lists = clusterListsOf(view, cluster);
    for (const { object, path, issues } of lists) {
      if (issues.length === 0 || told.has(`${object.label} ${path}`)) continue;
      told.add(`${object.label} ${path}`);
      for (const issue of issues) {
        const message = `is no list of clusters: ${[issue.path, issue.message].filter(Boolean).join(' ')}`;
        yield { object, path, message, remedy: sentence(issue.remedy) };
      }
    }
    const id = textOf(at(view.parameters, 'clusterID'));
    const known = lists.flatMap(({ ids }) => ids ?? []);
    if (id === undefined || known.length === 0 || known.includes(id)) continue;
    yield unknownFault(view.object, 'parameters.clusterID', 'names a cluster that the driver does not know', id, known);
  }
}

function* sectionFaults(cluster: Cluster): Generator<Fault> {
  for (const { object, unreadable } of cluster.kmsConfigMaps()) {
    for (const key of unreadable) {
      const remedy = 'Write one JSON object; check quotes, commas and that the text is complete';
      yield { object, path: pathOf('data', key), message: 'is no JSON object', remedy };
    }
  }
  for (const section of cluster.sections()) {
    // `default` is ceph-csi's own and needs no section; what goes wrong with it is told elsewhere.
    if (section.type === 'default') continue;
    for (const { path, message, got, allowed, remedy } of section.issues) {
      if (isToldElsewhere(section, path)) continue;
      const place = [section.path, path].filter(Boolean).join('.');
      yield {
        object: section.object,
        path: place,
        message,
        remedy: sentence(remedy),
        ...(got && { got }),
        ...(allowed && { allowed: allowed.join(', ') }),
      };
    }
  }
}

/** A boolean that is no text belongs to trap 1. */
function isToldElsewhere({ raw }: KmsSectionView, path: string): boolean {
  const value = at(raw, path);
  return (
    typeof value === 'boolean' ||
    (/Verify$|_VERIFY$|KeepKeys$|DESTROY_KEYS$|DestroyKeys$|CRYPTO_RPC$/.test(path) &&
      value !== undefined &&
      goBooleanOf(value) === undefined)
  );
}

/** Members of the file that the plugin would refuse. */
function* pluginFaults(cluster: Cluster): Generator<Fault> {
  for (const { file } of cluster.kmsPlugins()) {
    if (file === undefined) continue;
    for (const { path, message, allowed, remedy } of file.issues) {
      yield {
        object: file.holder,
        path: [file.path, path].filter(Boolean).join('.'),
        message,
        remedy: sentence(remedy),
        ...(allowed && { allowed: allowed.join(', ') }),
      };
    }
  }
}
