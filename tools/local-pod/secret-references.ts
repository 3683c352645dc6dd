/** The Secret references of a class, resolved as the sidecars do: per call, else the default; templates filled from the claim. */

import type { Claim } from './claim';
import type { SecretObject } from './pod-volumes';

/** The kinds of calls that may carry secrets, as the keys of a class call them. */
export type SecretCall =
  | 'provisioner'
  | 'node-stage'
  | 'node-publish'
  | 'controller-expand'
  | 'node-expand'
  | 'snapshotter';

interface Names {
  readonly pvName: string;
  readonly claim: Claim;
}

/** Nothing when the class names no Secret for the call. @throws Error half a reference, an open template, no such Secret. */
export function resolveSecretReference(
  parameters: Readonly<Record<string, string>>,
  call: SecretCall,
  names: Names,
  secrets: readonly SecretObject[],
): Record<string, string> {
  const of = (field: 'name' | 'namespace') =>
    parameters[`csi.storage.k8s.io/${call}-secret-${field}`] ?? parameters[`csi.storage.k8s.io/secret-${field}`];
  const [name, namespace] = [of('name'), of('namespace')];
  if (name === undefined && namespace === undefined) return {};
  if (!name || !namespace)
    throw new Error(`the class names only half a Secret for ${call}: name and namespace belong together`);
  const wanted = { name: fill(name, names, true), namespace: fill(namespace, names, false) };
  const found = secrets.find((each) => each.name === wanted.name && each.namespace === wanted.namespace);
  if (!found) throw new Error(`there is no Secret ${wanted.namespace}/${wanted.name}, which ${call} calls need`);
  // Protobuf carries secrets as text.
  return Object.fromEntries(
    Object.entries(found.data).map(([key, value]) => [key, value.use((bytes) => bytes.toString('utf8'))]),
  );
}

function fill(template: string, { pvName, claim }: Names, isName: boolean): string {
  return template.replace(/\$\{([^}]+)\}/g, (whole, token: string) => {
    if (token === 'pv.name') return pvName;
    if (token === 'pvc.namespace') return claim.namespace;
    if (isName && token === 'pvc.name') return claim.name;
    const annotation = /^pvc\.annotations\['(.+)'\]$/.exec(token)?.[1];
    const value = isName && annotation !== undefined ? claim.annotations?.[annotation] : undefined;
    if (value === undefined) throw new Error(`the token ${whole} of a Secret reference cannot be resolved`);
    return value;
  });
}
