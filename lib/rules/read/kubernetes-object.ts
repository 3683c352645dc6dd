// Kubernetes objects of a set, found by kind and name.
import { at, type Fields, fieldsOf, isFields, listOf, textOf } from './values';

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
}

/** Objects of one state of a cluster. */
export class ObjectSet {
  readonly all: readonly KubernetesObject[];
  readonly #members: ReadonlySet<KubernetesObject>;
  readonly #byKind = new Map<string, KubernetesObject[]>();
  readonly #byName = new Map<string, KubernetesObject[]>();

  /** Takes anything: what is no object of Kubernetes is left out; the items of a List count as its own. */
  constructor(values: readonly unknown[]) {
    this.all = values.flatMap((value, index) => objectsOf(value, index));
    this.#members = new Set(this.all);
    for (const object of this.all) {
      append(this.#byKind, object.kind, object);
      append(this.#byName, `${object.kind}\0${object.name}`, object);
    }
  }

  /** Whether an object is of this set, and not of an earlier one. */
  has(object: KubernetesObject): boolean {
    return this.#members.has(object);
  }

  /** The objects of some kinds, in the order given. */
  of(...kinds: readonly string[]): readonly KubernetesObject[] {
    const [kind = ''] = kinds;
    return kinds.length === 1 ? (this.#byKind.get(kind) ?? []) : kinds.flatMap((each) => this.#byKind.get(each) ?? []);
  }

  /** All objects of a kind and a name, in any namespace. */
  named(kind: string, name: string): readonly KubernetesObject[] {
    return this.#byName.get(`${kind}\0${name}`) ?? [];
  }

  /** One object by kind, name and namespace. A manifest without a namespace fits any. */
  find(kind: string, name: string, namespace: string | undefined): KubernetesObject | undefined {
    return this.named(kind, name).find((object) => isSameNamespace(object.namespace, namespace));
  }
}

/** Whether two namespaces can be the same: one that is not said may become any. */
export function isSameNamespace(left: string | undefined, right: string | undefined): boolean {
  return left === undefined || right === undefined || left === right;
}

/** An annotation of an object. */
export function annotationOf({ fields }: KubernetesObject, key: string): string | undefined {
  return textOf(at(fields, 'metadata', 'annotations', key));
}

function objectsOf(value: unknown, index: number): KubernetesObject[] {
  if (!isFields(value)) return [];
  const kind = textOf(at(value, 'kind')) ?? '';
  if (kind === 'List') return listOf(at(value, 'items')).flatMap((item) => objectsOf(item, index));
  const metadata = fieldsOf(at(value, 'metadata'));
  const name = textOf(at(metadata, 'name')) ?? '';
  const namespace = textOf(at(metadata, 'namespace')) || undefined;
  const place = namespace === undefined ? name : `${namespace}/${name}`;
  const label = [kind || 'document', place].filter(Boolean).join(' ');
  return [{ apiVersion: textOf(at(value, 'apiVersion')) ?? '', kind, name, namespace, label, fields: value, index }];
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
