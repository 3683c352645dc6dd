// Which keys a Secret of the set will have. Values are never looked at here.
import { isSameNamespace, type KubernetesObject } from './kubernetes-object';
import type { ObjectSet } from './object-set';
import { at, fieldsOf, listOf, textOf } from './values';

/** A Secret, or what makes it. */
export interface HeldSecret {
  readonly object: KubernetesObject;
  readonly keys: ReadonlySet<string>;
}

/** The keys of a Secret that is in the set, or made by an ExternalSecret that lists them all; else nothing is known. */
export function keysOfSecret(objects: ObjectSet, name: string, namespace: string | undefined): HeldSecret | undefined {
  const secret = objects.find('Secret', name, namespace);
  if (secret !== undefined) {
    const keys = [
      ...Object.keys(fieldsOf(at(secret.fields, 'data'))),
      ...Object.keys(fieldsOf(at(secret.fields, 'stringData'))),
    ];
    // An empty one is filled by somebody else, as the token of a service account is.
    return keys.length === 0 ? undefined : { object: secret, keys: new Set(keys) };
  }
  const external = externalSecretsFor(objects, name, namespace)[0];
  if (external === undefined) return undefined;
  const { fields } = external;
  const isOpen =
    listOf(at(fields, 'spec', 'dataFrom')).length > 0 || at(fields, 'spec', 'target', 'template') !== undefined;
  if (isOpen) return undefined;
  const keys = listOf(at(fields, 'spec', 'data')).flatMap((entry) => textOf(at(entry, 'secretKey')) ?? []);
  return { object: external, keys: new Set(keys) };
}

/** ExternalSecrets that write a Secret of this name. */
export function externalSecretsFor(
  objects: ObjectSet,
  name: string,
  namespace: string | undefined,
): readonly KubernetesObject[] {
  const index = byTarget.get(objects) ?? indexed(objects);
  return (index.get(name) ?? []).filter((object) => isSameNamespace(object.namespace, namespace));
}

/** One index a set: ten thousand tenants have as many ExternalSecrets. */
const byTarget = new WeakMap<ObjectSet, ReadonlyMap<string, readonly KubernetesObject[]>>();

function indexed(objects: ObjectSet): ReadonlyMap<string, readonly KubernetesObject[]> {
  const index = new Map<string, KubernetesObject[]>();
  for (const object of objects.of('ExternalSecret')) {
    const target = targetOf(object);
    const list = index.get(target);
    if (list === undefined) index.set(target, [object]);
    else list.push(object);
  }
  byTarget.set(objects, index);
  return index;
}

/** The Secret that an ExternalSecret writes. */
function targetOf({ fields, name }: KubernetesObject): string {
  return textOf(at(fields, 'spec', 'target', 'name')) || name;
}
