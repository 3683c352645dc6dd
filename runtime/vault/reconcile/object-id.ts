/** What a thing at the server is called: everywhere by the path of Vault's API that creates and deletes it. */

/** In the order in which they are made; each may need those before it. */
export const objectKinds = ['namespace', 'audit', 'mount', 'transit-key', 'auth', 'policy', 'role', 'quota'] as const;

export type ObjectKind = (typeof objectKinds)[number];

export interface ObjectId {
  readonly kind: ObjectKind;
  /** Relative to the namespace of the connection; empty for that one itself. */
  readonly namespace: string;
  /** Below `/v1/`, e.g. `sys/mounts/kv` or `transit/keys/shop`. A DELETE of it removes the object. */
  readonly path: string;
}

/** One text for an object, for people and for flags: `team-a/sys/mounts/kv`. */
export function addressOf({ namespace, path }: ObjectId): string {
  return namespace === '' ? path : `${namespace}/${path}`;
}

/** The namespace around one, and its name in it: `a/b/c` is `c` in `a/b`. */
export function splitNamespace(path: string): { readonly parent: string; readonly name: string } {
  const slash = path.lastIndexOf('/');
  return { parent: path.slice(0, Math.max(slash, 0)), name: path.slice(slash + 1) };
}

/** The mount path of a transit key, and its name: a mount path may hold slashes, and a segment `keys`; a name cannot. */
export function splitTransitKey(path: string): { readonly mount: string; readonly key: string } {
  const at = path.lastIndexOf('/keys/');
  return { mount: path.slice(0, at), key: path.slice(at + '/keys/'.length) };
}
