// Trap 4: a name or a field that nothing knows: a role's policy, a KMS id, a key of a section.
import { kmsTypes } from '../schema/kms';
import { nearest } from '../schema/nearest';
import type { VaultState } from '../vault/state';
import { clusterListsOf } from './read/ceph-clusters';
import type { Cluster } from './read/cluster';
import type { KmsSectionView } from './read/kms-sections';
import { annotationOf } from './read/kubernetes-object';
import { rookKmsOf } from './read/rook';
import { isCephCsi } from './read/storage-class';
import { at, fieldsOf, goBooleanOf, listOf, pathOf, textOf } from './read/values';
import { authOf, memberOf, namespaceOf, type VaultClient, vaultClientsOf } from './read/vault';
import type { Fault, Rule } from './rule';
import { sentence, stateFault } from './state-fault';

/** Documented for a tenant's ConfigMap, and ignored by the code of ceph-csi: known all the same. */
const documentedTenantKeys = ['vaultCAFromSecret'] as const;

/** Keys of Rook that it reads for Vault; other `VAULT_*` are passed to the client. */
const rookKeys = [
  'KMS_PROVIDER',
  'VAULT_ADDR',
  'VAULT_BACKEND',
  'VAULT_BACKEND_PATH',
  'VAULT_SECRET_ENGINE',
  'VAULT_NAMESPACE',
  'VAULT_AUTH_METHOD',
  'VAULT_AUTH_KUBERNETES_ROLE',
  'VAULT_AUTH_MOUNT_PATH',
  'VAULT_CACERT',
  'VAULT_CAPATH',
  'VAULT_CLIENT_CERT',
  'VAULT_CLIENT_KEY',
  'VAULT_SKIP_VERIFY',
  'VAULT_TLS_SERVER_NAME',
  'VAULT_CLIENT_TIMEOUT',
  'VAULT_MAX_RETRIES',
  'VAULT_RATE_LIMIT',
] as const;

const rookProviders = ['vault', 'ibmkeyprotect', 'kmip', 'azure-kv'];

/** Keys of `csi-addons-config`: with any other the operator does not start. */
const csiAddonsKeys = [
  'reclaim-space-timeout',
  'max-concurrent-reconciles',
  'max-group-pvcs',
  'csi-addons-node-retry-delay',
  'schedule-precedence',
  'cronjob-stagger-window',
  'volume-health-cleanup-interval',
  'volume-health-stale-threshold',
] as const;

const encryptionProviders = ['identity', 'aescbc', 'aesgcm', 'secretbox', 'kms'] as const;

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
    yield* tenantFaults(cluster);
    yield* rookFaults(cluster);
    yield* pluginFaults(cluster);
    yield* otherFaults(cluster);
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
      yield unknown(object, path, `${what} logs in at an auth mount that does not exist`, login.mount, mounts);
    return;
  }
  if (auth.type !== 'kubernetes') {
    const message = `${what} logs in with a service account at a mount of another auth method`;
    yield { object, path, message, got: auth.type, allowed: 'kubernetes' };
    return;
  }
  const roles = Object.keys(auth.roles ?? {});
  if (memberOf(auth.roles, login.role) !== undefined || !isSure(login.role, roles)) return;
  yield unknown(object, path, `${what} logs in as a role that does not exist`, login.role, roles);
}

function* classFaults(cluster: Cluster): Generator<Fault> {
  const known = cluster.sections().map(({ id }) => id);
  if (cluster.kmsConfigMaps().length === 0) return;
  for (const view of cluster.classes()) {
    const { object, kmsId, driver } = view;
    if (kmsId === undefined || kmsId === '' || cluster.sectionsOf(kmsId).length > 0) continue;
    if (driver === 'other' || (kmsId === 'default' && isCephCsi(view))) continue;
    yield unknown(object, 'parameters.encryptionKMSID', 'names a KMS that no ConfigMap of the set has', kmsId, [
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
    yield unknown(view.object, 'parameters.clusterID', 'names a cluster that the driver does not know', id, known);
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

/** ceph-csi skips what a tenant may not set, and tells nobody. */
function* tenantFaults(cluster: Cluster): Generator<Fault> {
  for (const [name, allowed] of tenantConfigNames(cluster)) {
    for (const object of cluster.objects.named('ConfigMap', name)) {
      for (const key of Object.keys(fieldsOf(at(object.fields, 'data')))) {
        if (allowed.includes(key)) continue;
        yield unknown(object, pathOf('data', key), 'is ignored: a tenant cannot set it', key, allowed);
      }
    }
  }
}

function tenantConfigNames(cluster: Cluster): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, readonly string[]>();
  for (const { settings } of cluster.sections()) {
    if (settings?.type !== 'vaulttokens' && settings?.type !== 'vaulttenantsa') continue;
    const { options } = kmsTypes[settings.type];
    const own = Object.keys(options).filter((key) => options[key]?.tenantMaySet === true);
    names.set(settings.tenantConfigName, [
      ...new Set([...(names.get(settings.tenantConfigName) ?? []), ...documentedTenantKeys, ...own]),
    ]);
  }
  return names;
}

function* rookFaults({ objects }: Cluster): Generator<Fault> {
  for (const { object, path, details, provider } of rookKmsOf(objects)) {
    if (provider === undefined || !rookProviders.includes(provider)) {
      yield unknown(object, `${path}.KMS_PROVIDER`, 'is no provider that Rook knows', provider ?? '', rookProviders);
      continue;
    }
    if (provider !== 'vault') continue;
    for (const key of Object.keys(details)) {
      if ((rookKeys as readonly string[]).includes(key)) continue;
      const meant = nearest(key, rookKeys);
      if (meant === undefined && key.startsWith('VAULT_')) continue;
      yield unknown(object, `${path}.${key}`, 'is not a key that Rook reads', key, rookKeys);
    }
    if (at(details, 'VAULT_AUTH_METHOD') !== 'kubernetes' || at(details, 'VAULT_AUTH_KUBERNETES_ROLE') !== undefined)
      continue;
    yield {
      object,
      path: `${path}.VAULT_AUTH_KUBERNETES_ROLE`,
      message: 'is missing, and the auth method kubernetes needs it',
      got: 'nothing',
      allowed: 'the name of a role',
      remedy: 'Add the role',
    };
  }
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

function* otherFaults({ objects }: Cluster): Generator<Fault> {
  for (const object of objects.named('ConfigMap', 'csi-addons-config')) {
    for (const key of Object.keys(fieldsOf(at(object.fields, 'data')))) {
      if ((csiAddonsKeys as readonly string[]).includes(key)) continue;
      yield unknown(
        object,
        pathOf('data', key),
        'is unknown to the csi-addons operator, which then does not start',
        key,
        csiAddonsKeys,
      );
    }
  }
  for (const object of objects.of('EncryptionConfiguration')) {
    for (const [index, entry] of listOf(at(object.fields, 'resources')).entries()) {
      for (const [position, provider] of listOf(at(entry, 'providers')).entries()) {
        for (const key of Object.keys(fieldsOf(provider))) {
          if ((encryptionProviders as readonly string[]).includes(key)) continue;
          yield unknown(
            object,
            pathOf('resources', index, 'providers', position, key),
            'is no provider that the API server knows',
            key,
            encryptionProviders,
          );
        }
      }
    }
  }
  for (const object of objects.of('StorageClass', 'PersistentVolumeClaim', 'Namespace')) {
    for (const key of Object.keys(fieldsOf(at(object.fields, 'metadata', 'annotations')))) {
      const [, group, word] = /^(keyrotation|reclaimspace)\.csiaddons\.openshift\.io\/(.+)$/.exec(key) ?? [];
      const known = ['schedule', 'enable', 'drivers', 'cronjob'];
      if (word === undefined || known.includes(word) || annotationOf(object, key) === undefined) continue;
      yield unknown(
        object,
        pathOf('metadata', 'annotations', key),
        'is an annotation that csi-addons does not read',
        word,
        known.map((each) => `${group}.csiaddons.openshift.io/${each}`),
      );
    }
  }
}

function unknown(object: Fault['object'], path: string, message: string, got: string, known: readonly string[]): Fault {
  const meant =
    nearest(got, known) ??
    known.find((each) =>
      each.endsWith(
        `/${
          nearest(
            got,
            known.map((one) => one.split('/').at(-1) ?? ''),
          ) ?? '\0'
        }`,
      ),
    );
  const remedy = meant === undefined ? 'Write one that exists, or declare it' : `Write ${meant}`;
  const shown = known.length > 12 ? `${known.slice(0, 12).join(', ')}, …` : known.join(', ') || 'none';
  // What is written where a name belongs may be a secret gone astray: only a near miss is shown.
  return { object, path, message, allowed: shown, remedy, ...(meant !== undefined && { got: JSON.stringify(got) }) };
}
