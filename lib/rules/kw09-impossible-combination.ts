// Trap 9: KMS, file system and features that cannot work together, or a field that the target version does not know.
import { classFaults } from './kw09-classes';
import { rotationFaults } from './kw09-rotation';
import type { Cluster } from './read/cluster';
import { type RookKms, rookKmsOf } from './read/rook';
import { at, fieldsOf, pathOf, textOf } from './read/values';
import { isBelowVersion } from './read/version';
import type { Fault, Rule } from './rule';

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
    'no rotation is scheduled where ceph-csi cannot: on the KMS `default`, with `encryptionType: file`, before 3.12; on `ibmkeyprotect` it mostly fails',
    'a schedule has somebody who carries it out: the sidecar of CSI-Addons in the pods of the driver, or keyward’s own rotation, which has the Secrets it needs',
    'CSI-Addons and keyward’s own rotation agree whose schedule wins; no schedule pauses for longer than the keys of its class may grow old',
    'file encryption: a KMS that ceph-csi offers for it, and no xfs; not with keyward',
    'integrity: no expansion, no `aead`, and a `*-random` cipher has it; not with keyward’s node-local volumes',
    'keyward has no KMS `default`; ceph-csi has no `vaulttransit`',
    'features of images come with those they need',
    'Rook rotates keys of `vault` and of Kubernetes Secrets only; transit is for object stores; SSE-S3 is for transit only',
    'KV version 1 keeps no old versions, so `vaultDestroyKeys: "false"` is an empty promise',
    '`csi-addons-config` has no key that is newer than the controller (with its version given)',
  ],
  *check(cluster) {
    for (const view of cluster.classes()) {
      yield* classFaults(view, cluster);
    }
    yield* rotationFaults(cluster);
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
