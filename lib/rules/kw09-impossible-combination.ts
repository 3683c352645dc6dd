// Trap 9: KMS, file system and features that cannot work together, or a field that the target version does not know.
import { type KmsTypeName, kmsFeatures, kmsTypeNames } from '../schema/kms';
import { jobFaults, rotationFaults } from './kw09-rotation';
import type { Cluster } from './read/cluster';
import type { KubernetesObject } from './read/kubernetes-object';
import { type RookKms, rookKmsOf } from './read/rook';
import { type ClassView, isCephCsi } from './read/storage-class';
import { at, fieldsOf, pathOf, textOf } from './read/values';
import { isBelowVersion } from './read/version';
import type { Fault, Rule } from './rule';

const fstype = 'csi.storage.k8s.io/fstype';

/** Keys of `csi-addons-config` that came after v0.14.0, which refuses to start with them. */
const newerAddonsKeys = [
  'csi-addons-node-retry-delay',
  'cronjob-stagger-window',
  'volume-health-cleanup-interval',
  'volume-health-stale-threshold',
];

/** The rule. */
export const impossibleCombination: Rule = {
  id: 'KW09',
  slug: 'impossible-combination',
  title: 'A KMS and a feature that cannot work together, or a field that is too new',
  severity: 'error',
  why: 'The API server takes every combination, and the driver finds out at the first volume, or never: rotating the key of a class on ceph-csi’s `default` KMS replaces the passphrase by one that is kept nowhere, and the volume does not open again.',
  evidence: {
    known: 'source',
    where: 'ceph-csi v3.17 (encryptionkeyrotation.go, kms), Rook (keyrotation, object store), csi-addons v0.14',
  },
  remedy: 'Use a KMS that can do it, or leave the feature out',
  checks: [
    'no rotation is scheduled for a class on the KMS `default`, or with `encryptionType: file`',
    'file encryption: a KMS that ceph-csi offers for it, and no xfs; not with keyward',
    'integrity: no expansion, no `aead`, and a `*-random` cipher has it; not with keyward',
    'keyward has no KMS `default`; ceph-csi has no `vaulttransit`',
    'features of images come with those they need',
    'Rook rotates keys of `vault` and of Kubernetes Secrets only; transit is for object stores; SSE-S3 is for transit only',
    'KV version 1 keeps no old versions, so `vaultDestroyKeys: "false"` is an empty promise',
    '`csi-addons-config` has no key that is newer than the controller (with its version given)',
  ],
  *check(cluster) {
    for (const view of cluster.classes()) {
      yield* classFaults(view, cluster);
      yield* rotationFaults(view);
    }
    yield* jobFaults(cluster);
    yield* sectionFaults(cluster);
    for (const { object, kms, keyRotation } of cluster.rookClusters()) {
      const provider = kms?.provider ?? 'vault';
      if (at(keyRotation, 'enabled') !== true || provider === 'vault') continue;
      const message = 'rotates keys, and Rook cannot replace a key at this provider: it stops half-way';
      yield {
        object,
        path: 'spec.security.keyRotation.enabled',
        message,
        got: provider,
        allowed: 'vault, or Kubernetes Secrets',
      };
    }
    for (const block of rookKmsOf(cluster.objects)) yield* engineFaults(block);
    yield* versionFaults(cluster);
  },
};

function* classFaults(view: ClassView, cluster: Cluster): Generator<Fault> {
  const { object, parameters, driver, isEncrypted, kmsId = '' } = view;
  const word = (key: string) => textOf(at(parameters, key));
  if (driver === 'other') return;
  const type = word('encryptionType');
  const isFile = type === 'file' || driver === 'ceph-csi-cephfs';
  if (type !== undefined && type !== 'block' && type !== 'file') {
    yield {
      object,
      path: 'parameters.encryptionType',
      message: 'is no type of encryption',
      allowed: driver === 'keyward' ? 'block' : 'block, file',
    };
  } else if (type === 'block' && driver === 'ceph-csi-cephfs' && isEncrypted) {
    yield {
      object,
      path: 'parameters.encryptionType',
      message: 'is block, and CephFS has no blocks to encrypt',
      got: 'block',
      allowed: 'file',
    };
  }
  if (driver === 'keyward') yield* keywardFaults(object, parameters, kmsId);
  if (isEncrypted && isCephCsi(view)) {
    yield* cephKmsFaults(view, cluster, isFile);
    yield* integrityFaults(view);
    if (type === 'file' && word(fstype) === 'xfs') {
      yield {
        object,
        path: pathOf('parameters', fstype),
        message: 'is xfs, which cannot encrypt files',
        got: 'xfs',
        allowed: 'ext4',
      };
    }
  }
  if (driver === 'ceph-csi-rbd') yield* imageFaults(object, parameters);
}

function* keywardFaults(
  object: KubernetesObject,
  parameters: ClassView['parameters'],
  kmsId: string,
): Generator<Fault> {
  if (at(parameters, 'encryptionType') === 'file') {
    yield {
      object,
      path: 'parameters.encryptionType',
      message: 'is not offered by keyward',
      got: 'file',
      allowed: 'block',
    };
  }
  if (at(parameters, 'integrityMode') !== undefined) {
    yield { object, path: 'parameters.integrityMode', message: 'is not offered by keyward', allowed: 'nothing' };
  }
  if (kmsId !== 'default' && kmsId !== '') return;
  const message = 'is the shared default KMS, one passphrase for all volumes, which keyward refuses';
  yield {
    object,
    path: 'parameters.encryptionKMSID',
    message,
    got: kmsId === '' ? 'nothing' : 'default',
    allowed: 'an id of the KMS configuration',
  };
}

function* cephKmsFaults(
  { object, parameters, kmsId = '' }: ClassView,
  cluster: Cluster,
  isFile: boolean,
): Generator<Fault> {
  const [section, ...more] = cluster.sectionsOf(kmsId);
  const named = kmsId === 'default' ? 'default' : more.length > 0 ? undefined : section?.type;
  const type = kmsTypeNames.find((each) => each === named);
  if (type === undefined) return;
  if (type === 'vaulttransit') {
    yield {
      object,
      path: 'parameters.encryptionKMSID',
      message: 'names a KMS of a type that only keyward has',
      got: type,
      allowed: cephTypes().join(', '),
    };
  } else if (isFile && !kmsFeatures[type].cephCsiFileEncryption) {
    const allowed = cephTypes().filter((each) => kmsFeatures[each].cephCsiFileEncryption);
    yield {
      object,
      path: 'parameters.encryptionKMSID',
      message: 'names a KMS that ceph-csi does not offer for file encryption',
      got: type,
      allowed: allowed.join(', '),
    };
  }
  const clusterId = textOf(at(parameters, 'clusterID'));
  if (type === 'azure-kv' && clusterId !== undefined && !/^[A-Za-z0-9-]+$/.test(clusterId)) {
    yield {
      object,
      path: 'parameters.clusterID',
      message: 'becomes part of a name in Key Vault, which takes letters, digits and dashes only',
    };
  }
}

function cephTypes(): readonly KmsTypeName[] {
  return kmsTypeNames.filter((type) => type !== 'vaulttransit');
}

function* integrityFaults({ object, parameters, allowsExpansion }: ClassView): Generator<Fault> {
  const integrity = textOf(at(parameters, 'integrityMode'));
  const cipher = textOf(at(parameters, 'encryptionCipher'));
  if (cipher === undefined) return;
  if (integrity === 'aead') {
    yield {
      object,
      path: 'parameters.integrityMode',
      message: 'is aead, which none of the ciphers can be',
      got: 'aead',
      allowed: 'hmac-sha256, hmac-sha512',
    };
  }
  if (cipher.endsWith('-random') && integrity === undefined) {
    yield {
      object,
      path: 'parameters.encryptionCipher',
      message: 'draws random vectors, which are kept only with integrity',
      allowed: 'a cipher with plain64, or integrityMode',
    };
  }
  if (integrity === undefined || !allowsExpansion) return;
  yield {
    object,
    path: 'allowVolumeExpansion',
    message: 'is true, and cryptsetup does not grow a volume with integrity',
    got: 'true',
    allowed: 'false',
  };
}

function* imageFaults(object: KubernetesObject, parameters: ClassView['parameters']): Generator<Fault> {
  const text = textOf(at(parameters, 'imageFeatures'));
  if (text === undefined) return;
  const features = text.split(',').map((each) => each.trim());
  const path = 'parameters.imageFeatures';
  for (const [feature, needed] of [
    ['object-map', 'exclusive-lock'],
    ['fast-diff', 'object-map'],
    ['journaling', 'exclusive-lock'],
  ] as const) {
    if (!features.includes(feature) || features.includes(needed)) continue;
    yield {
      object,
      path,
      message: `has ${feature} without ${needed}`,
      allowed: `${needed},${feature}`,
      remedy: `Add ${needed}`,
    };
  }
  if (!features.includes('journaling') || at(parameters, 'mounter') === 'rbd-nbd') return;
  yield {
    object,
    path,
    message: 'has journaling, which the kernel cannot map',
    allowed: 'mounter rbd-nbd',
    remedy: 'Set mounter to rbd-nbd, or remove journaling',
  };
}

function* sectionFaults(cluster: Cluster): Generator<Fault> {
  for (const { object, path, settings, type, raw } of cluster.sections()) {
    if (type === 'default') {
      yield {
        object,
        path,
        message: 'configures the KMS default, one passphrase for all volumes',
        got: 'default',
        allowed: 'a KMS that gives each volume its own key',
      };
    }
    if (settings === undefined || !('backend' in settings) || settings.backend !== 'kv') continue;
    const key = Object.hasOwn(raw, 'VAULT_DESTROY_KEYS') ? 'VAULT_DESTROY_KEYS' : 'vaultDestroyKeys';
    if (at(raw, key) !== 'false') continue;
    yield {
      object,
      path: `${path}.${key}`,
      message: 'keeps deleted keys recoverable, which KV version 1 cannot',
      got: 'false',
      allowed: 'true, or KV version 2',
    };
  }
}

function* engineFaults({ object, use, path, details, provider }: RookKms): Generator<Fault> {
  if (provider === undefined) return;
  const engine = textOf(at(details, 'VAULT_SECRET_ENGINE'));
  if (use === 'osd') {
    if (engine === 'transit')
      yield {
        object,
        path: `${path}.VAULT_SECRET_ENGINE`,
        message: 'is transit, which keeps no OSD keys',
        got: engine,
        allowed: 'kv',
      };
    return;
  }
  if (provider !== 'vault') {
    yield {
      object,
      path: `${path}.KMS_PROVIDER`,
      message: 'is a provider that object stores cannot use',
      got: provider,
      allowed: 'vault',
    };
  } else if (use === 'sse-s3' && engine !== 'transit') {
    yield {
      object,
      path: `${path}.VAULT_SECRET_ENGINE`,
      message: 'is not transit, and SSE-S3 takes no other',
      got: engine ?? 'nothing',
      allowed: 'transit',
    };
  }
}

function* versionFaults({ objects, context }: Cluster): Generator<Fault> {
  if (context.csiAddonsVersion === undefined || !isBelowVersion(context.csiAddonsVersion, '0.15')) return;
  for (const object of objects.named('ConfigMap', 'csi-addons-config')) {
    for (const key of newerAddonsKeys) {
      if (!Object.hasOwn(fieldsOf(at(object.fields, 'data')), key)) continue;
      const message = `is newer than csi-addons ${context.csiAddonsVersion}, which does not start with it`;
      yield {
        object,
        path: pathOf('data', key),
        message,
        allowed: 'csi-addons 0.15',
        remedy: 'Remove it, or upgrade first',
      };
    }
  }
}
