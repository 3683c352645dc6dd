// What a policy allows, said as verbs on an engine. The paths of the API follow from the engine's type and version, so that
// nobody types one (trap 3).
import { SchemaError } from '../schema/schema-error';
import type { KvMount } from './mounts';
import { type Capability, capabilities, type PolicyRule } from './policy';

/** What may be done with the entries of a key/value engine. `write` is `create` and `update` together. */
export const kvVerbs = [
  'read',
  'write',
  'create',
  'update',
  'delete',
  'destroy',
  'list',
  'read-metadata',
  'delete-versions',
  'undelete-versions',
  'destroy-versions',
] as const;
/** A verb on the entries of a key/value engine. */
export type KvVerb = (typeof kvVerbs)[number];

/** Access to the entries of one key/value engine. */
export interface KvAccess {
  /** Path of the engine, without a slash at either end. */
  readonly mountPath: string;
  /** The engine's version, from which the paths follow. */
  readonly mount: Pick<KvMount, 'version'>;
  /**
   * What the names of the entries begin with, e.g. `shop/`; may hold a template such as `serviceAccountNamespace`.
   * @default - every entry
   */
  readonly prefix?: string;
  /** What may be done with the entries. */
  readonly verbs: readonly KvVerb[];
  /**
   * Namespace of the engine, as seen from the one of the policy.
   * @default - the same
   */
  readonly namespace?: string;
  /**
   * Why, for who reads the policy at the server.
   * @default - none
   */
  readonly comment?: string;
}

/** What may be done with one key of a transit engine. None of them makes or deletes a key. */
export const transitVerbs = ['encrypt', 'decrypt', 'rewrap', 'read-key', 'rotate'] as const;
/** A verb on a transit key. */
export type TransitVerb = (typeof transitVerbs)[number];

/** Access to one key of a transit engine. */
export interface TransitAccess {
  /** Path of the engine, without a slash at either end. */
  readonly mountPath: string;
  /** Name of the key. */
  readonly key: string;
  /** What may be done with the key. */
  readonly verbs: readonly TransitVerb[];
  /**
   * Namespace of the engine, as seen from the one of the policy.
   * @default - the same
   */
  readonly namespace?: string;
  /**
   * Why, for who reads the policy at the server.
   * @default - none
   */
  readonly comment?: string;
}

/** The rules for entries of a key/value engine. Throws a SchemaError for a verb that version 1 does not have. */
export function kvAccess(access: KvAccess): readonly PolicyRule[] {
  const { mountPath, prefix = '', verbs, namespace, comment } = access;
  const needs = verbs.flatMap((verb) => needsOf(verb, access));
  const pairs = needs.map(([endpoint, can]) => {
    // What is listed is a folder: one that the prefix only begins to name is listed as a whole.
    const folder = can === 'list' ? prefix.slice(0, prefix.lastIndexOf('/') + 1) : prefix;
    return [`${join(namespace, mountPath, endpoint)}/${folder}${folder === prefix ? '*' : ''}`, can] as const;
  });
  return rulesOf(pairs, comment);
}

/** The rules for one transit key. */
export function transitAccess({ mountPath, key, verbs, namespace, comment }: TransitAccess): readonly PolicyRule[] {
  const at: Readonly<Record<TransitVerb, readonly [path: string, can: Capability]>> = {
    encrypt: [`encrypt/${key}`, 'update'],
    decrypt: [`decrypt/${key}`, 'update'],
    rewrap: [`rewrap/${key}`, 'update'],
    'read-key': [`keys/${key}`, 'read'],
    rotate: [`keys/${key}/rotate`, 'update'],
  };
  return rulesOf(
    verbs.map((verb) => [join(namespace, mountPath, at[verb][0]), at[verb][1]]),
    comment,
  );
}

/** For a consumer that asks the server which version a key/value engine has, in the namespace that it asks in. */
export function mountsAccess(namespace?: string, comment?: string): readonly PolicyRule[] {
  return rulesOf([[join(namespace, 'sys/mounts'), 'read']], comment);
}

/** What a token may do with itself, where it has not the policy `default`. */
export function tokenSelfAccess(
  verbs: readonly ('lookup' | 'renew' | 'revoke')[],
  comment?: string,
): readonly PolicyRule[] {
  return rulesOf(
    verbs.map((verb) => [`auth/token/${verb}-self`, verb === 'lookup' ? 'read' : 'update']),
    comment,
  );
}

/** The same rules with one for each path, capabilities in the order of the language, and paths in order. */
export function mergeRules(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const byPath = new Map<string, { can: Set<Capability>; comments: Set<string> }>();
  for (const { path, capabilities: can, comment } of rules) {
    const entry = byPath.get(path) ?? { can: new Set(), comments: new Set() };
    for (const capability of can) entry.can.add(capability);
    if (comment !== undefined) entry.comments.add(comment);
    byPath.set(path, entry);
  }
  return [...byPath]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([path, { can, comments }]) => ({
      path,
      capabilities: capabilities.filter((capability) => can.has(capability)),
      ...(comments.size > 0 && { comment: [...comments].sort().join('; ') }),
    }));
}

type Needs = readonly (readonly [endpoint: string, can: Capability])[];

const versionedKv: Readonly<Record<KvVerb, Needs>> = {
  read: [['data', 'read']],
  write: [
    ['data', 'create'],
    ['data', 'update'],
  ],
  create: [['data', 'create']],
  update: [['data', 'update']],
  delete: [['data', 'delete']],
  destroy: [['metadata', 'delete']],
  list: [['metadata', 'list']],
  'read-metadata': [['metadata', 'read']],
  'delete-versions': [['delete', 'update']],
  'undelete-versions': [['undelete', 'update']],
  'destroy-versions': [['destroy', 'update']],
};

/** Version 1 keeps one value of each entry: every deletion destroys, and there are no versions to speak of. */
const plainKv: Readonly<Partial<Record<KvVerb, Needs>>> = {
  read: [['', 'read']],
  write: [
    ['', 'create'],
    ['', 'update'],
  ],
  create: [['', 'create']],
  update: [['', 'update']],
  delete: [['', 'delete']],
  destroy: [['', 'delete']],
  list: [['', 'list']],
};

function needsOf(verb: KvVerb, { mountPath, mount }: KvAccess): Needs {
  const needs = (mount.version === 2 ? versionedKv : plainKv)[verb];
  if (needs !== undefined) return needs;
  throw new SchemaError(`the access to the engine ${mountPath}`, [
    {
      path: 'verbs',
      message: `has "${verb}", which version 1 does not know`,
      remedy: 'leave it out, or declare the engine with version 2 (trap 3)',
    },
  ]);
}

function rulesOf(
  pairs: readonly (readonly [path: string, can: Capability])[],
  comment?: string,
): readonly PolicyRule[] {
  return mergeRules(
    pairs.map(([path, can]) => ({ path, capabilities: [can], ...(comment !== undefined && { comment }) })),
  );
}

function join(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join('/');
}
