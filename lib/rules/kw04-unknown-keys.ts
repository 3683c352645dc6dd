// The part of trap 4 about keys that nothing reads: of a tenant's ConfigMap, of Rook, of CSI-Addons, of the API server.
import { kmsTypes } from '../schema/kms';
import { nearest } from '../schema/nearest';
import type { Cluster } from './read/cluster';
import { annotationOf } from './read/kubernetes-object';
import { rookKmsOf } from './read/rook';
import { at, fieldsOf, listOf, pathOf } from './read/values';
import type { Fault } from './rule';
import { unknownFault } from './unknown-fault';

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

/** Keys that are skipped without a word, or keep a program from starting. */
export function* unknownKeys(cluster: Cluster): Generator<Fault> {
  yield* tenantFaults(cluster);
  yield* rookFaults(cluster);
  yield* addonsFaults(cluster);
  yield* providerFaults(cluster);
  yield* annotationFaults(cluster);
}

/** ceph-csi skips what a tenant may not set, and tells nobody. */
function* tenantFaults(cluster: Cluster): Generator<Fault> {
  for (const [name, allowed] of tenantConfigNames(cluster)) {
    for (const object of cluster.objects.named('ConfigMap', name)) {
      for (const key of Object.keys(fieldsOf(at(object.fields, 'data')))) {
        if (allowed.includes(key)) continue;
        yield unknownFault(object, pathOf('data', key), 'is ignored: a tenant cannot set it', key, allowed);
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
      yield unknownFault(
        object,
        `${path}.KMS_PROVIDER`,
        'is no provider that Rook knows',
        provider ?? '',
        rookProviders,
      );
      continue;
    }
    if (provider !== 'vault') continue;
    for (const key of Object.keys(details)) {
      if ((rookKeys as readonly string[]).includes(key)) continue;
      const meant = nearest(key, rookKeys);
      if (meant === undefined && key.startsWith('VAULT_')) continue;
      yield unknownFault(object, `${path}.${key}`, 'is not a key that Rook reads', key, rookKeys);
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

function* addonsFaults({ objects }: Cluster): Generator<Fault> {
  for (const object of objects.named('ConfigMap', 'csi-addons-config')) {
    for (const key of Object.keys(fieldsOf(at(object.fields, 'data')))) {
      if ((csiAddonsKeys as readonly string[]).includes(key)) continue;
      yield unknownFault(
        object,
        pathOf('data', key),
        'is unknown to the csi-addons operator, which then does not start',
        key,
        csiAddonsKeys,
      );
    }
  }
}

function* providerFaults({ objects }: Cluster): Generator<Fault> {
  for (const object of objects.of('EncryptionConfiguration')) {
    for (const [index, entry] of listOf(at(object.fields, 'resources')).entries()) {
      for (const [position, provider] of listOf(at(entry, 'providers')).entries()) {
        for (const key of Object.keys(fieldsOf(provider))) {
          if ((encryptionProviders as readonly string[]).includes(key)) continue;
          yield unknownFault(
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
}

function* annotationFaults({ objects }: Cluster): Generator<Fault> {
  for (const object of objects.of('StorageClass', 'PersistentVolumeClaim', 'Namespace')) {
    for (const key of Object.keys(fieldsOf(at(object.fields, 'metadata', 'annotations')))) {
      const [, group, word] = /^(keyrotation|reclaimspace)\.csiaddons\.openshift\.io\/(.+)$/.exec(key) ?? [];
      const known = ['schedule', 'enable', 'drivers', 'cronjob'];
      if (word === undefined || known.includes(word) || annotationOf(object, key) === undefined) continue;
      yield unknownFault(
        object,
        pathOf('metadata', 'annotations', key),
        'is an annotation that csi-addons does not read',
        word,
        known.map((each) => `${group}.csiaddons.openshift.io/${each}`),
      );
    }
  }
}
