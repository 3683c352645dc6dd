// Trap 15: key material in a manifest or a state, tokens where logs find them, and writing into another's Secret.
import { devOnlyLabel, passphraseSecretKey } from '../schema/names';
import type { Cluster } from './read/cluster';
import { isSameNamespace, type KubernetesObject } from './read/kubernetes-object';
import { secretTexts } from './read/secret-texts';
import { externalSecretsFor } from './read/secrets';
import { at, fieldsOf, listOf, pathOf, textOf } from './read/values';
import type { Fault, Rule } from './rule';

/** Keys of Secrets and sections that hold what opens volumes or logs in. */
const sensitiveKeys: readonly string[] = [
  passphraseSecretKey,
  'userKey',
  'adminKey',
  'token',
  'CLIENT_KEY',
  'CLIENT_CERT',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'IBM_KP_SERVICE_API_KEY',
  'IBM_KP_SESSION_TOKEN',
  'dmcrypt-key',
  'tls.key',
  'secret-id',
  'secretId',
  'secret_id',
  'VAULT_TOKEN',
];

/** Flags and variables whose value is a credential. */
const secretFlags = /^--?(token|approle-secret-id|userpass-password|vault-token)$/;
const secretVariables =
  /^((VAULT_KMS_|VAULT_|BAO_)?(TOKEN|VAULT_TOKEN|APPROLE_SECRET_ID|USERPASS_PASSWORD)|VAULT_KMS_CERT_PEM|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN)$/;

/** Secrets that Rook keeps by itself. */
const rookSecrets =
  /^(rook-ceph-osd-encryption-key-|rook-ceph-mon$|rook-ceph-config$|rook-csi-(rbd|cephfs)-(node|provisioner)$)/;

/** The rule. */
export const rawSecret: Rule = {
  id: 'KW15',
  slug: 'raw-secret',
  title: 'Key material stands in a manifest, a token in a log, or a Secret has two writers',
  severity: 'error',
  why: 'What is in a manifest is in git, in the state of Pulumi, in the annotation of `kubectl apply` and in every backup, for as long as they exist. Tokens in the volume context are logged by sidecars. A Secret that another operator owns is written back at its next turn.',
  evidence: { known: 'reported', where: 'pulumi#16053, pulumi-kubernetes#1353 #2300, kubernetes#118419 #124759' },
  remedy: 'Refer to a Secret that something else fills: an ExternalSecret, a Vault path, a Secret made by hand',
  checks: [
    'no Secret of the set carries a passphrase, key or token; one labelled `keyward.io/dev-only` only in dev',
    'no ConfigMap, StorageClass, argument or variable carries one; no text looks like a private key or a token of Vault',
    'no EncryptionConfiguration has keys in it (`aescbc`, `aesgcm`, `secretbox`)',
    'a CSIDriver with `tokenRequests` has `serviceAccountTokenInSecrets`',
    'no Secret is also the target of an ExternalSecret or a Certificate, or one that Rook keeps',
  ],
  *check(cluster) {
    for (const object of cluster.objects.of('Secret')) {
      yield* secretFaults(object, cluster);
      yield* ownerFaults(object, cluster);
    }
    yield* argumentFaults(cluster);
    for (const object of cluster.objects.of('EncryptionConfiguration')) yield* configurationFaults(object);
    for (const object of cluster.objects.of('CSIDriver')) yield* tokenFaults(object);
    yield* plainTextFaults(cluster);
  },
};

function* secretFaults(object: KubernetesObject, { context }: Cluster): Generator<Fault> {
  const isDevOnly = at(object.fields, 'metadata', 'labels', devOnlyLabel) === 'true';
  const isDev = context.environment === 'dev';
  if (isDevOnly && isDev) return;
  if (isDevOnly) {
    yield {
      object,
      path: pathOf('metadata', 'labels', devOnlyLabel),
      message: 'is a Secret for development, and this is not said to be dev',
      remedy: 'Refer to a Secret that something else fills; or run the check with the environment dev',
    };
    return;
  }
  const texts = new Set(secretTexts(fieldsOf(at(object.fields, 'stringData'))).map(({ path }) => path));
  for (const field of ['data', 'stringData']) {
    for (const [key, value] of Object.entries(fieldsOf(at(object.fields, field)))) {
      if (typeof value !== 'string' || value === '' || isPlaceholder(value)) continue;
      if (!sensitiveKeys.includes(key) && !(field === 'stringData' && texts.has(pathOf(key)))) continue;
      yield {
        object,
        path: pathOf(field, key),
        message: 'carries a secret in clear: base64 hides nothing',
        severity: isDev ? 'warning' : 'error',
      };
    }
  }
}

/** What a tool replaces before it is applied. */
function isPlaceholder(value: string): boolean {
  return /^(<[^>]+>|\$\{[^}]+\}|\{\{[\s\S]+\}\}|\[secret\])$/.test(value.trim());
}

function* ownerFaults(object: KubernetesObject, { objects }: Cluster): Generator<Fault> {
  const { name, namespace, fields } = object;
  const external = externalSecretsFor(objects, name, namespace).find(
    ({ fields: its }) =>
      !['Merge', 'None', 'Orphan'].includes(textOf(at(its, 'spec', 'target', 'creationPolicy')) ?? 'Owner'),
  );
  const certificate = objects
    .of('Certificate')
    .find((each) => at(each.fields, 'spec', 'secretName') === name && isSameNamespace(each.namespace, namespace));
  const owner = external ?? certificate;
  if (owner !== undefined) {
    yield {
      object,
      path: 'metadata.name',
      message: `is written by ${owner.label}, too: each undoes the other`,
      remedy: 'Keep one of the two',
    };
  }
  if (rookSecrets.test(name) || at(fields, 'type') === 'kubernetes.io/rook') {
    yield {
      object,
      path: 'metadata.name',
      message: 'is a Secret that Rook keeps by itself',
      remedy: 'Use another name, or leave it to Rook',
    };
  }
}

function* argumentFaults(cluster: Cluster): Generator<Fault> {
  for (const { object, containers } of cluster.workloads()) {
    for (const { words, environment, path } of containers) {
      for (const [index, word] of words.entries()) {
        const [flag = '', value = words[index + 1] ?? ''] = word.split(/=([\s\S]*)/);
        if (!secretFlags.test(flag) || value === '' || /^\$\(.*\)$/.test(value)) continue;
        yield {
          object,
          path,
          message: `has a credential behind ${flag.replace(/^--?/, '-')}, where every user of the node reads it`,
          remedy: 'Give a file',
        };
      }
      for (const { name, value, path: place } of environment) {
        if (value === undefined || value === '' || !secretVariables.test(name)) continue;
        yield { object, path: place, message: `has a credential in the variable ${name}`, remedy: 'Give a file' };
      }
    }
  }
}

function* configurationFaults(object: KubernetesObject): Generator<Fault> {
  for (const [index, entry] of listOf(at(object.fields, 'resources')).entries()) {
    for (const [position, provider] of listOf(at(entry, 'providers')).entries()) {
      for (const type of ['aescbc', 'aesgcm', 'secretbox']) {
        const holds = listOf(at(provider, type, 'keys')).some(
          (key) => !isPlaceholder(textOf(at(key, 'secret')) ?? '<none>'),
        );
        if (!holds) continue;
        yield {
          object,
          path: pathOf('resources', index, 'providers', position, type),
          message: 'has its keys in the file itself',
          got: type,
          allowed: 'kms',
          remedy: 'Use a kms provider, and keep this one only until everything is rewritten',
        };
      }
    }
  }
}

function* tokenFaults(object: KubernetesObject): Generator<Fault> {
  if (listOf(at(object.fields, 'spec', 'tokenRequests')).length === 0) return;
  if (at(object.fields, 'spec', 'serviceAccountTokenInSecrets') === true) return;
  const message = 'is not true beside tokenRequests: tokens go into the volume context, which is logged';
  yield {
    object,
    path: 'spec.serviceAccountTokenInSecrets',
    message,
    got: 'false',
    allowed: 'true',
    remedy: 'Set serviceAccountTokenInSecrets: true, or remove tokenRequests',
  };
}

/** Objects that never need a secret, searched for what can be nothing else. */
function* plainTextFaults(cluster: Cluster): Generator<Fault> {
  const { objects, vault } = cluster;
  for (const object of objects.of('ConfigMap', 'StorageClass', 'CephCluster', 'CephObjectStore')) {
    for (const { path, what } of secretTexts(object.fields)) yield { object, path, message: `holds ${what}` };
  }
  for (const object of objects.of('StorageClass')) {
    if (at(object.fields, 'parameters', passphraseSecretKey) === undefined) continue;
    yield {
      object,
      path: pathOf('parameters', passphraseSecretKey),
      message: 'holds the passphrase, in reach of everyone who may list classes',
    };
  }
  for (const { object, raw, path } of cluster.sections()) {
    for (const key of sensitiveKeys) {
      if (typeof at(raw, key) === 'string')
        yield { object, path: `${path}.${key}`, message: 'is a secret in a ConfigMap' };
    }
  }
  if (vault !== undefined) {
    for (const { path, what } of secretTexts(vault)) yield { object: 'VaultState', path, message: `holds ${what}` };
  }
}
