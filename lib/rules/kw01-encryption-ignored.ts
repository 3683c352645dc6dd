// Trap 1: encryption is asked for, and the driver makes plain volumes or reads another word than was meant.
import { nearest } from '../schema/nearest';
import type { Cluster } from './read/cluster';
import type { RookCluster } from './read/rook';
import { type ClassView, isCephCsi } from './read/storage-class';
import { at, fieldsOf, goBooleanOf, isFields, listOf, pathOf, textOf } from './read/values';
import type { Fault, Rule } from './rule';

/** Parameters that decide about encryption, in the spelling that counts: any other is ignored. */
const encryptionParameters = [
  'encrypted',
  'encryptionType',
  'encryptionKMSID',
  'encryptionCipher',
  'encryptionKeySize',
  'encryptionSectorSize',
  'integrityMode',
  'encryptionPbkdf',
  'encryptionPbkdfIterations',
  'encryptionPbkdfMemoryKiB',
  'encryptionDiscards',
  'encryptionNoReadWorkqueue',
  'encryptionNoWriteWorkqueue',
] as const;

/** What ceph-csi reads only beside a cipher. */
const needCipher = ['encryptionKeySize', 'encryptionSectorSize', 'integrityMode'] as const;

/** Options of a KMS section that are booleans in text. */
const booleanOptions = ['vaultCAVerify', 'vaultKeepKeys', 'VAULT_SKIP_VERIFY', 'USE_CRYPTO_RPC'] as const;

/** The rule. */
export const encryptionIgnored: Rule = {
  id: 'KW01',
  slug: 'encryption-ignored',
  title: 'Encryption is asked for and silently ignored',
  severity: 'error',
  why: 'ceph-csi takes `encrypted` as text and skips every parameter that it does not know. A class with `encryptionKMSID` but without `encrypted`, or with a misspelt key, makes plain volumes, and nothing tells so. Rook encrypts only device sets that say `encrypted: true`; an API server writes with the first provider of its list.',
  evidence: {
    known: 'source',
    where: 'ceph-csi v3.17 (internal/rbd, internal/kms), Rook (osd), EncryptionConfiguration',
  },
  remedy: 'Write encrypted: "true" in quotes, and the parameters as the driver spells them',
  checks: [
    'a StorageClass that mentions encryption says `encrypted` in a text that Go reads as true',
    'no parameter is a near miss of one that decides about encryption',
    'key size, sector size and integrity stand beside a cipher',
    'booleans of KMS sections are text, and `vaultDestroyKeys` is exactly "true" or "false"',
    'every device set of a CephCluster with a KMS is encrypted; `CSI_ENABLE_ENCRYPTION` is on where a KMS ConfigMap is',
    'the first provider of an EncryptionConfiguration encrypts',
  ],
  *check(cluster) {
    for (const each of cluster.classes()) if (each.driver !== 'other') yield* classFaults(each);
    yield* sectionFaults(cluster);
    for (const each of cluster.rookClusters()) yield* rookFaults(each);
    yield* operatorFaults(cluster);
    yield* apiServerFaults(cluster);
  },
};

function* classFaults(view: ClassView): Generator<Fault> {
  const { object, parameters, driver, mentionsEncryption } = view;
  const encrypted = at(parameters, 'encrypted');
  const path = 'parameters.encrypted';
  if (encrypted !== undefined && goBooleanOf(encrypted) === undefined) {
    const got = typeof encrypted === 'string' ? 'other text' : `a ${typeof encrypted}`;
    yield { object, path, message: 'is no boolean in a string', got, allowed: '"true", "false"' };
  } else if (mentionsEncryption && goBooleanOf(encrypted) !== true) {
    const got = encrypted === undefined ? 'nothing' : 'false';
    const message = 'does not ask for encryption, though other parameters of the class are about it: volumes are plain';
    yield { object, path, message, got, allowed: '"true"' };
  } else if (driver === 'keyward' && encrypted === undefined) {
    yield {
      object,
      path,
      message: 'is missing: keyward makes encrypted volumes only',
      got: 'nothing',
      allowed: '"true"',
    };
  }
  for (const key of Object.keys(parameters)) {
    const meant = misspelt(key);
    if (meant === undefined) continue;
    const message = 'is not a parameter that the driver reads, and is ignored';
    yield { object, path: pathOf('parameters', key), message, allowed: meant, remedy: `Write ${meant}` };
  }
  if (!isCephCsi(view) || at(parameters, 'encryptionCipher') !== undefined) return;
  for (const key of needCipher) {
    if (at(parameters, key) === undefined) continue;
    const remedy = 'Add encryptionCipher, e.g. "aes-xts-plain64"';
    yield { object, path: `parameters.${key}`, message: 'is ignored without encryptionCipher', remedy };
  }
}

/** The parameter that was meant by one that is not known; keys with a slash belong to the sidecars. */
function misspelt(key: string): string | undefined {
  if (key.includes('/') || (encryptionParameters as readonly string[]).includes(key)) return undefined;
  return /^(en?cr|integ)/i.test(key) ? nearest(key, encryptionParameters) : undefined;
}

function* sectionFaults(cluster: Cluster): Generator<Fault> {
  for (const { object, raw, path } of cluster.sections()) {
    for (const key of booleanOptions) {
      const value = at(raw, key);
      if (value === undefined || goBooleanOf(value) !== undefined) continue;
      const got = typeof value === 'string' ? 'other text' : `a ${typeof value}`;
      const remedy = 'Put "true" or "false" in quotes';
      yield {
        object,
        path: `${path}.${key}`,
        message: 'is no boolean in a string',
        got,
        allowed: '"true", "false"',
        remedy,
      };
    }
    for (const key of ['vaultDestroyKeys', 'VAULT_DESTROY_KEYS']) {
      const value = at(raw, key);
      if (value === undefined || value === 'true' || value === 'false') continue;
      const message = 'is compared with the exact text "true": anything else keeps old versions of keys';
      yield { object, path: `${path}.${key}`, message, allowed: '"true", "false"', remedy: 'Write "true" or "false"' };
    }
  }
}

function* rookFaults({ object, kms, storage }: RookCluster): Generator<Fault> {
  const sets = listOf(at(storage, 'storageClassDeviceSets'));
  for (const [index, set] of sets.entries()) {
    const encrypted = at(set, 'encrypted');
    const path = pathOf('spec', 'storage', 'storageClassDeviceSets', index, 'encrypted');
    if (encrypted !== undefined && typeof encrypted !== 'boolean') {
      yield {
        object,
        path,
        message: 'is no boolean',
        got: `a ${typeof encrypted}`,
        allowed: 'true, false',
        remedy: 'Write it without quotes',
      };
    } else if (kms !== undefined && encrypted !== true) {
      const message = 'does not ask for encryption: the OSDs of this set are plain, and the KMS is not used for them';
      yield {
        object,
        path,
        message,
        got: String(encrypted ?? 'nothing'),
        allowed: 'true',
        remedy: 'Write encrypted: true',
      };
    }
  }
  if (kms === undefined || sets.length > 0 || Object.keys(storage).length === 0) return;
  const message =
    'is configured, but no OSD is made from a device set: keys of host OSDs stay in the store of the mons';
  yield { object, path: kms.path, message, remedy: 'Use storageClassDeviceSets with encrypted: true' };
}

function* operatorFaults({ objects }: Cluster): Generator<Fault> {
  if (objects.named('ConfigMap', 'rook-ceph-csi-kms-config').length === 0) return;
  for (const object of objects.named('ConfigMap', 'rook-ceph-operator-config')) {
    const value = at(object.fields, 'data', 'CSI_ENABLE_ENCRYPTION');
    if (value === 'true') continue;
    const message = 'does not turn on encryption, so that rook-ceph-csi-kms-config is not mounted';
    const got = textOf(value) === undefined ? 'nothing' : 'other text';
    yield {
      object,
      path: 'data.CSI_ENABLE_ENCRYPTION',
      message,
      got,
      allowed: '"true"',
      remedy: 'Write CSI_ENABLE_ENCRYPTION: "true"',
    };
  }
}

function* apiServerFaults({ objects }: Cluster): Generator<Fault> {
  for (const object of objects.of('EncryptionConfiguration')) {
    for (const [index, entry] of listOf(at(object.fields, 'resources')).entries()) {
      const providers = listOf(at(entry, 'providers')).map(fieldsOf);
      const [first] = providers;
      if (first === undefined || !Object.hasOwn(first, 'identity') || !isFields(first)) continue;
      const path = pathOf('resources', index, 'providers', 0);
      const message = 'is identity: everything is written in plain text';
      yield {
        object,
        path,
        message,
        got: 'identity',
        allowed: 'kms',
        remedy: 'Put the kms provider first and identity last',
      };
    }
  }
}
