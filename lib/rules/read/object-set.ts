// Kubernetes objects of a set, found by kind and name.
import { embeddedObjects, type ReadYaml } from './embedded-documents';
import { isSameNamespace, type KubernetesObject, objectOf } from './kubernetes-object';
import { at, isFields, listOf, textOf } from './values';

/** Objects of one state of a cluster. */
export class ObjectSet {
  readonly all: readonly KubernetesObject[];
  readonly #members: ReadonlySet<KubernetesObject>;
  readonly #byKind = new Map<string, KubernetesObject[]>();
  readonly #byName = new Map<string, KubernetesObject[]>();

  /**
   * Takes anything: what is no object of Kubernetes is left out; the items of a List count as its own, and so do documents
   * that stand as text in a ConfigMap or Secret.
   */
  constructor(values: readonly unknown[], readYaml?: ReadYaml) {
    const objects = values.flatMap((value, index) => objectsOf(value, index));
    this.all = [...objects, ...objects.flatMap((object) => embeddedObjects(object, readYaml))];
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

function objectsOf(value: unknown, index: number): KubernetesObject[] {
  if (!isFields(value)) return [];
  const kind = textOf(at(value, 'kind')) ?? '';
  if (kind === 'List') return listOf(at(value, 'items')).flatMap((item) => objectsOf(item, index));
  return [objectOf(value, index)];
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
