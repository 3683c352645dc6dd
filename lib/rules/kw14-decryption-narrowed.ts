// Trap 14: what is written can no longer be read, because the way to read it was taken away without a migration.
import type { TransitKey, VaultState } from '../vault/state';
import { isMigrated } from './kw10-immutable';
import type { Cluster } from './read/cluster';
import type { KmsSectionView } from './read/kms-sections';
import type { KubernetesObject } from './read/kubernetes-object';
import { at, fieldsOf, listOf, pathOf, textOf, wordOf, wordsOf } from './read/values';
import { memberOf, vaultClientsOf } from './read/vault';
import type { Fault, Rule } from './rule';

/** Options of a section that say where keys are, or how they are wrapped. */
const locations: readonly string[] = [
  'encryptionKMSType',
  'KMS_PROVIDER',
  'vaultAddress',
  'VAULT_ADDR',
  'vaultBackend',
  'VAULT_BACKEND',
  'vaultBackendPath',
  'VAULT_BACKEND_PATH',
  'vaultPassphraseRoot',
  'vaultPassphrasePath',
  'vaultNamespace',
  'VAULT_NAMESPACE',
  'tenantKeyPrefix',
  'secretName',
  'secretNamespace',
  'KMIP_ENDPOINT',
  'USE_CRYPTO_RPC',
  'AZURE_VAULT_URL',
  'IBM_KP_SERVICE_INSTANCE_ID',
  'AWS_REGION',
  'transitPath',
  'transitKeyName',
];

/** The rule. */
export const decryptionNarrowed: Rule = {
  id: 'KW14',
  slug: 'decryption-narrowed',
  title: 'Decryption is narrowed with no recorded migration',
  severity: 'error',
  why: 'A provider that goes from an EncryptionConfiguration takes every Secret with it that was written by it. A raised min_decryption_version does the same to wrapped keys, and a KMS section that points elsewhere finds none of the keys of the volumes that are there. Each shows only when something is read again.',
  evidence: { known: 'reported', where: 'kubernetes#53301 #86489, Azure/kubernetes-kms#93, ceph-csi#5699, vault#6097' },
  remedy: 'Rewrite what was encrypted, prove that it reads, then name what was migrated to the check',
  checks: [
    'every provider of the earlier EncryptionConfiguration is still there, under its name and with its keys; identity, too',
    'a transit key is not `deletionAllowed`, and its minDecryptionVersion is not raised',
    'a KV mount that keeps volume keys keeps at least two versions, ends none by time, and does not keep fewer than before',
    'a KMS section under the same id points where it did',
  ],
  *check(cluster) {
    yield* providerFaults(cluster);
    yield* sectionFaults(cluster);
    if (cluster.vault !== undefined) {
      yield* transitFaults(cluster.vault, cluster);
      yield* historyFaults(cluster.vault, cluster);
    }
  },
};

/** A provider, and for those with keys each of them, in words that stay the same. */
function providersOf(object: KubernetesObject): ReadonlyMap<string, ReadonlySet<string>> {
  const byResource = new Map<string, Set<string>>();
  for (const entry of listOf(at(object.fields, 'resources'))) {
    const ids = listOf(at(entry, 'providers')).flatMap((provider) =>
      Object.entries(fieldsOf(provider)).flatMap(([type, options]) => {
        if (type === 'identity') return ['identity'];
        if (type === 'kms')
          return [`kms ${textOf(at(options, 'apiVersion')) ?? 'v1'} ${wordOf(at(options, 'name')) ?? ''}`];
        return listOf(at(options, 'keys')).map((key) => `${type} ${wordOf(at(key, 'name')) ?? ''}`);
      }),
    );
    for (const resource of wordsOf(at(entry, 'resources'))) {
      const known = byResource.get(resource) ?? new Set<string>();
      for (const id of ids) known.add(id);
      byResource.set(resource, known);
    }
  }
  return byResource;
}

function* providerFaults(cluster: Cluster): Generator<Fault> {
  const configurations = cluster.objects.of('EncryptionConfiguration');
  for (const before of cluster.previous?.objects.of('EncryptionConfiguration') ?? []) {
    // Most files have no name, and a cluster has one such file.
    const object =
      configurations.find(({ name }) => name === before.name) ??
      (configurations.length === 1 ? configurations[0] : undefined);
    if (object === undefined) continue;
    const now = providersOf(object);
    for (const [resource, providers] of providersOf(before)) {
      const left = now.get(resource) ?? now.get('*.*') ?? new Set<string>();
      for (const provider of providers) {
        const name = provider.split(' ').at(-1) ?? provider;
        if (left.has(provider) || isMigrated(cluster, name)) continue;
        const message = `no longer has the provider ${JSON.stringify(provider)} for ${resource}: what it wrote cannot be read`;
        yield {
          object,
          path: 'resources',
          message,
          got: [...left].join(', ') || 'none',
          allowed: provider,
          remedy: `Keep it after the first one, rewrite all ${resource}, then run the check with ${name} as migrated`,
        };
      }
    }
  }
}

function* transitFaults(state: VaultState, cluster: Cluster): Generator<Fault> {
  for (const [namespace, { mounts = {} }] of Object.entries(state.namespaces)) {
    for (const [mount, options] of Object.entries(mounts)) {
      if (options.type !== 'transit') continue;
      const before = memberOf(cluster.previous?.vault?.namespaces[namespace]?.mounts, mount);
      for (const [name, key] of Object.entries(options.keys ?? {})) {
        const path = `namespaces[${JSON.stringify(namespace)}].mounts[${JSON.stringify(mount)}].keys[${JSON.stringify(name)}]`;
        const was = before?.type === 'transit' ? memberOf(before.keys, name) : undefined;
        if (!isMigrated(cluster, `${mount}/${name}`)) yield* keyFaults(key, was, path, cluster);
      }
    }
  }
}

function* keyFaults(key: TransitKey, was: TransitKey | undefined, path: string, cluster: Cluster): Generator<Fault> {
  const object = 'VaultState';
  if (key.deletionAllowed === true) {
    yield {
      object,
      path: `${path}.deletionAllowed`,
      message: 'lets the key be deleted, and with it all that it wrapped',
      got: 'true',
      allowed: 'false',
      remedy: 'Leave it out',
      severity: cluster.severityOutsideDev,
    };
  }
  const { minDecryptionVersion = 1 } = key;
  const least = was?.minDecryptionVersion ?? 1;
  if (minDecryptionVersion <= least) return;
  const message = 'is raised: what older versions wrapped cannot be read';
  yield {
    object,
    path: `${path}.minDecryptionVersion`,
    message,
    got: String(minDecryptionVersion),
    allowed: String(least),
    remedy: 'Rewrap everything, prove it, then name the key as migrated',
  };
}

function* historyFaults(state: VaultState, cluster: Cluster): Generator<Fault> {
  const seen = new Set<string>();
  for (const { kv, namespace, what } of vaultClientsOf(cluster)) {
    if (kv === undefined || seen.has(`${namespace}\0${kv.mount}`)) continue;
    seen.add(`${namespace}\0${kv.mount}`);
    const space = Object.hasOwn(state.namespaces, namespace) ? namespace : '';
    const mount = memberOf(state.namespaces[space]?.mounts, kv.mount);
    if (mount?.type !== 'kv' || mount.version !== 2) continue;
    const path = `namespaces[${JSON.stringify(space)}].mounts[${JSON.stringify(kv.mount)}]`;
    const before = memberOf(cluster.previous?.vault?.namespaces[space]?.mounts, kv.mount);
    const kept = mount.maxVersions || 10;
    const wasKept = before?.type === 'kv' && before.version === 2 ? before.maxVersions || 10 : 0;
    if (kept < Math.max(2, wasKept)) {
      const message = `keeps too few versions for the keys of ${what}: a rotation that stops half-way needs the one before`;
      yield {
        object: 'VaultState',
        path: `${path}.maxVersions`,
        message,
        got: String(kept),
        allowed: `${Math.max(2, wasKept)} or more`,
        remedy: 'Raise maxVersions',
      };
    }
    if (!mount.deleteVersionAfter) continue;
    const message = `deletes the keys of ${what} by time, also the newest version of each`;
    yield {
      object: 'VaultState',
      path: `${path}.deleteVersionAfter`,
      message,
      got: `${mount.deleteVersionAfter} s`,
      allowed: '0',
      remedy: 'Leave deleteVersionAfter out',
    };
  }
}

function* sectionFaults(cluster: Cluster): Generator<Fault> {
  for (const before of cluster.previous?.sections() ?? []) {
    const now = cluster.sectionsOf(before.id).find(({ object }) => object.name === before.object.name);
    if (now === undefined || isMigrated(cluster, before.id)) continue;
    const changed = locations.filter((key) => meaning(before, key) !== meaning(now, key));
    for (const key of changed) {
      const message = `the KMS ${JSON.stringify(before.id)} points elsewhere than before: keys of volumes that are there are not found`;
      yield {
        object: now.object,
        path: pathOf(...['data', 'config.json', before.id, key]),
        message,
        remedy: 'Add a KMS with a new id, move the keys, then remove the old one; or name the id as migrated',
      };
    }
  }
}

/** What an option says; the defaults that decide where keys are count as if they were written. */
function meaning({ raw }: KmsSectionView, key: string): string {
  const fallback = key === 'USE_CRYPTO_RPC' ? 'true' : key === 'vaultBackendPath' ? 'secret' : '';
  return (wordOf(at(raw, key)) || fallback).replace(/\/+$/, '');
}
