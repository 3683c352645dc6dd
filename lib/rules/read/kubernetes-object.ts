// One Kubernetes object, as every rule sees it.
import { at, type Fields, fieldsOf, textOf } from './values';

/** One object, as far as every rule needs it. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Absent: of the whole cluster, or the manifest leaves it to whoever applies it. */
  readonly namespace: string | undefined;
  /** For people: `StorageClass fast`, `ConfigMap storage/kms`. */
  readonly label: string;
  readonly fields: Fields;
  /** Position in the set that was given, so that a way of running can find its own thing again. */
  readonly index: number;
  /** The ConfigMap or Secret whose text this object is, and where in it. */
  readonly inside?: { readonly holder: KubernetesObject; readonly path: string };
}

/** Whether two namespaces can be the same: one that is not said may become any. */
export function isSameNamespace(left: string | undefined, right: string | undefined): boolean {
  return left === undefined || right === undefined || left === right;
}

/** An annotation of an object. */
export function annotationOf({ fields }: KubernetesObject, key: string): string | undefined {
  return textOf(at(fields, 'metadata', 'annotations', key));
}

/** One document as an object. */
export function objectOf(value: Fields, index: number): KubernetesObject {
  const kind = textOf(at(value, 'kind')) ?? '';
  const metadata = fieldsOf(at(value, 'metadata'));
  const name = textOf(at(metadata, 'name')) ?? '';
  const namespace = textOf(at(metadata, 'namespace')) || undefined;
  const place = namespace === undefined ? name : `${namespace}/${name}`;
  const label = [kind || 'document', place].filter(Boolean).join(' ');
  return { apiVersion: textOf(at(value, 'apiVersion')) ?? '', kind, name, namespace, label, fields: value, index };
}
