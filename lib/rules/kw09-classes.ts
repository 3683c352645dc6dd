// The part of trap 9 about classes: driver, KMS, file system and features of a StorageClass that cannot work together.
import { type KmsTypeName, kmsFeatures, kmsTypeNames } from '../schema/kms';
import { defaultLuks } from '../schema/luks-parameters';
import type { Cluster } from './read/cluster';
import type { KubernetesObject } from './read/kubernetes-object';
import { type ClassView, isCephCsi } from './read/storage-class';
import { at, pathOf, textOf } from './read/values';
import type { Fault } from './rule';

const fstype = 'csi.storage.k8s.io/fstype';

/** What is wrong with one class by itself and with its KMS. */
export function* classFaults(view: ClassView, cluster: Cluster): Generator<Fault> {
  const { object, parameters, driver, isEncrypted, isRbd, kmsId = '' } = view;
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
  if (driver === 'keyward') yield* keywardFaults(view, kmsId);
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
  if (isRbd) yield* imageFaults(object, parameters);
}

function* keywardFaults(view: ClassView, kmsId: string): Generator<Fault> {
  const { object, parameters, isRbd } = view;
  if (at(parameters, 'encryptionType') === 'file') {
    yield {
      object,
      path: 'parameters.encryptionType',
      message: 'is not offered by keyward',
      got: 'file',
      allowed: 'block',
    };
  }
  if (isRbd) yield* integrityFaults(view);
  else if (at(parameters, 'integrityMode') !== undefined) {
    const message = 'is not offered by keyward for node-local volumes';
    yield { object, path: 'parameters.integrityMode', message, allowed: 'nothing' };
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

function* integrityFaults({ object, parameters, allowsExpansion, driver }: ClassView): Generator<Fault> {
  const integrity = textOf(at(parameters, 'integrityMode'));
  const cipher = textOf(at(parameters, 'encryptionCipher')) ?? (driver === 'keyward' ? defaultLuks.cipher : undefined);
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
