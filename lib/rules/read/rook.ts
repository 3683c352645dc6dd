// CephClusters and CephObjectStores of Rook, with what they say of a KMS.
import type { KubernetesObject } from './kubernetes-object';
import type { ObjectSet } from './object-set';
import { at, type Fields, fieldsOf, pathOf, textOf } from './values';

/** One block of KMS settings in Rook's spelling. */
export interface RookKms {
  readonly object: KubernetesObject;
  /** `osd` of a CephCluster; `sse-kms` and `sse-s3` of a CephObjectStore. */
  readonly use: 'osd' | 'sse-kms' | 'sse-s3';
  /** Path of `connectionDetails`. */
  readonly path: string;
  readonly details: Fields;
  readonly provider: string | undefined;
  readonly tokenSecretName: string | undefined;
}

/** A CephCluster. */
export interface RookCluster {
  readonly object: KubernetesObject;
  readonly kms: RookKms | undefined;
  readonly storage: Fields;
  readonly keyRotation: Fields;
}

/** The CephClusters of a set. */
export function rookClustersOf(objects: ObjectSet): readonly RookCluster[] {
  return objects.of('CephCluster').map((object) => ({
    object,
    kms: kmsOf(object, 'osd', ['spec', 'security', 'kms']),
    storage: fieldsOf(at(object.fields, 'spec', 'storage')),
    keyRotation: fieldsOf(at(object.fields, 'spec', 'security', 'keyRotation')),
  }));
}

/** All KMS blocks of Rook, also those of object stores. */
export function rookKmsOf(objects: ObjectSet): readonly RookKms[] {
  const clusters = objects.of('CephCluster').map((object) => kmsOf(object, 'osd', ['spec', 'security', 'kms']));
  const stores = objects
    .of('CephObjectStore')
    .flatMap((object) => [
      kmsOf(object, 'sse-kms', ['spec', 'security', 'kms']),
      kmsOf(object, 'sse-s3', ['spec', 'security', 's3']),
    ]);
  return [...clusters, ...stores].filter((each) => each !== undefined);
}

function kmsOf(object: KubernetesObject, use: RookKms['use'], path: readonly string[]): RookKms | undefined {
  const block = at(object.fields, ...path);
  const details = fieldsOf(at(block, 'connectionDetails'));
  if (Object.keys(details).length === 0) return undefined;
  return {
    object,
    use,
    path: pathOf(...path, 'connectionDetails'),
    details,
    provider: textOf(at(details, 'KMS_PROVIDER')),
    tokenSecretName: textOf(at(block, 'tokenSecretName')) || undefined,
  };
}
