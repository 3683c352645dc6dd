// Trap 2: an operation gets no Secret, half of a reference, or a Secret without the key it reads.
import { kmsSecretSources } from '../schema/kms';
import { cephUserKeys, passphraseSecretKey } from '../schema/names';
import type { Cluster } from './read/cluster';
import type { KubernetesObject } from './read/kubernetes-object';
import { keysOfSecret } from './read/secrets';
import { type ClassView, isCephCsi } from './read/storage-class';
import { at, type Fields, fieldsOf, pathOf, textOf } from './read/values';
import type { Fault, Rule } from './rule';

const prefix = 'csi.storage.k8s.io/';

/** Operations by name, with the old spelling that the sidecars still take. */
const operations: Readonly<Record<string, string>> = {
  provisioner: 'csiProvisioner',
  'controller-publish': 'csiControllerPublish',
  'node-stage': 'csiNodeStage',
  'node-publish': 'csiNodePublish',
  'controller-expand': 'csiControllerExpand',
  'node-expand': 'csiNodeExpand',
  'controller-modify': '',
  snapshotter: 'csiSnapshotter',
  'snapshotter-list': 'csiSnapshotterList',
};

/** The rule. */
export const missingSecret: Rule = {
  id: 'KW02',
  slug: 'missing-secret',
  title: 'An operation of the class gets no Secret, or one without its key',
  severity: 'error',
  why: 'The sidecars pass a Secret only when name and namespace are both in the class. Provisioning works, and then a volume cannot be staged on a node, or grows on one side only, or a snapshot fails, because one of the pairs is missing.',
  evidence: { known: 'documented', where: 'external-provisioner and external-resizer; ceph-csi v3.17 examples' },
  remedy: 'Give name and namespace for every operation that the class allows',
  checks: [
    'each `csi.storage.k8s.io/…-secret-name` has its `-namespace`, and both are filled',
    'ceph-csi: provisioner and node-stage; controller-expand where the class allows expansion; snapshotter in a VolumeSnapshotClass',
    'keyward: every operation that needs the key, where the KMS reads its secret from the request, or the volumes are images of Ceph',
    'a Secret of the set that is named has the keys that are read from it',
  ],
  *check(cluster) {
    for (const view of cluster.classes()) {
      const parameters = view.parameters;
      yield* halves(view.object, parameters);
      const missing = wanted(view, cluster).filter((operation) => !hasPair(parameters, operation));
      for (const operation of missing) yield absent(view.object, operation);
      yield* keyFaults(view, cluster);
    }
    const ofImages = cluster.driverConfigs().filter(({ config }) => config.backend.type === 'rbd');
    const rbdDrivers = new Set(ofImages.map(({ config }) => config.driverName));
    for (const object of cluster.objects.of('VolumeSnapshotClass')) {
      const parameters = fieldsOf(at(object.fields, 'parameters'));
      yield* halves(object, parameters);
      const driver = textOf(at(object.fields, 'driver')) ?? '';
      const isCeph = /(^|\.)(rbd|cephfs)\.csi\.ceph\.com$/.test(driver) || rbdDrivers.has(driver);
      if (isCeph && !hasPair(parameters, 'snapshotter')) yield absent(object, 'snapshotter');
    }
    yield* credentialFaults(cluster);
  },
};

function absent(object: KubernetesObject, operation: string): Fault {
  return {
    object,
    path: pathOf('parameters', `${prefix}${operation}-secret-name`),
    message: `is missing: the ${operation} call gets no Secret`,
    got: 'nothing',
    allowed: `${operation}-secret-name with ${operation}-secret-namespace`,
  };
}

function* halves(object: KubernetesObject, parameters: Fields): Generator<Fault> {
  for (const operation of ['', ...Object.keys(operations)]) {
    const key = operation === '' ? `${prefix}secret` : `${prefix}${operation}-secret`;
    const name = textOf(at(parameters, `${key}-name`));
    const namespace = textOf(at(parameters, `${key}-namespace`));
    if (!name === !namespace) continue;
    const part = name ? 'namespace' : 'name';
    const message = 'is missing or empty beside its other half: the sidecar refuses the class';
    yield { object, path: pathOf('parameters', `${key}-${part}`), message, got: 'nothing', allowed: 'both or none' };
  }
}

function hasPair(parameters: Fields, operation: string): boolean {
  const old = operations[operation] ?? '';
  return (
    Object.hasOwn(parameters, `${prefix}${operation}-secret-name`) ||
    Object.hasOwn(parameters, `${prefix}${operation}-secret-namespace`) ||
    (operation !== 'snapshotter' && Object.hasOwn(parameters, `${prefix}secret-name`)) ||
    (old !== '' && Object.hasOwn(parameters, `${old}SecretName`))
  );
}

function wanted(view: ClassView, cluster: Cluster): readonly string[] {
  const { driver, allowsExpansion, isRbd } = view;
  if (isCephCsi(view)) return ['provisioner', 'node-stage', ...(allowsExpansion ? ['controller-expand'] : [])];
  if (driver !== 'keyward' || !(isRbd || requestKeys(view, cluster).length > 0)) return [];
  return ['provisioner', 'node-stage', ...(allowsExpansion ? ['controller-expand', 'node-expand'] : [])];
}

/** Keys that the KMS of a class reads from the Secret of the request, where there is but one KMS of that id. */
function requestKeys({ kmsId = '', driver }: ClassView, cluster: Cluster): readonly string[] {
  if (kmsId === 'default' && driver !== 'keyward') return [passphraseSecretKey];
  const [section, ...more] = cluster.sectionsOf(kmsId);
  if (section?.settings === undefined || more.length > 0) return [];
  return kmsSecretSources(section.settings).flatMap((source) => (source.from === 'request' ? [source.key] : []));
}

/** Looks into the Secrets of the set that the class names. */
function* keyFaults(view: ClassView, cluster: Cluster): Generator<Fault> {
  const { object, parameters, driver, isEncrypted, isRbd } = view;
  if (driver === 'other') return;
  const userKeys: readonly string[] = isRbd ? cephUserKeys : [];
  const kmsKeys = isEncrypted ? requestKeys(view, cluster) : [];
  for (const operation of ['provisioner', 'node-stage', 'controller-expand']) {
    const name = textOf(at(parameters, `${prefix}${operation}-secret-name`)) ?? '';
    const namespace = textOf(at(parameters, `${prefix}${operation}-secret-namespace`)) ?? '';
    const held = `${name}${namespace}`.includes('${') ? undefined : keysOfSecret(cluster.objects, name, namespace);
    if (held === undefined) continue;
    const needed = operation === 'controller-expand' ? userKeys : [...userKeys, ...kmsKeys];
    const missing = needed.filter((key) => !held.keys.has(key));
    if (missing.length === 0) continue;
    const path = pathOf('parameters', `${prefix}${operation}-secret-name`);
    const remedy = `Add the key to the Secret ${namespace}/${name}`;
    yield {
      object,
      path,
      message: 'names a Secret without a key that is read from it',
      allowed: missing.join(', '),
      remedy,
    };
  }
}

/** Secrets in the namespace of the driver, which the cloud and KMIP types read key by key. */
function* credentialFaults(cluster: Cluster): Generator<Fault> {
  for (const { object, path, settings } of cluster.sections()) {
    if (settings === undefined) continue;
    const needs = new Map<string, string[]>();
    for (const source of kmsSecretSources(settings)) {
      if (source.from !== 'driver-secret' || source.optional) continue;
      needs.set(source.name, [...(needs.get(source.name) ?? []), source.key]);
    }
    for (const [name, keys] of needs) {
      const held = keysOfSecret(cluster.objects, name, object.namespace);
      const missing = held === undefined ? [] : keys.filter((key) => !held.keys.has(key));
      if (missing.length === 0) continue;
      const message = `reads the Secret ${name}, which lacks a key`;
      yield { object, path, message, allowed: missing.join(', '), remedy: `Add the key to the Secret ${name}` };
    }
  }
}
