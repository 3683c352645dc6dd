// What leads from one state to another, for people and for tests. It compares declarations: what a server has in its own
// defaults, and what it holds beside the state, is the reconciler's to see.
import { byName, isSame } from './format';
import type { VaultNamespace, VaultState } from './namespace';

/** A part of a state that is made, changed and removed as one. */
export type VaultObjectKind = 'namespace' | 'mount' | 'transit-key' | 'auth' | 'policy' | 'role' | 'quota' | 'audit';

/** One field that differs. A field that is not there is undefined. */
export interface VaultFieldChange {
  /** E.g. `tokenTtl`, or `config.issuer`. */
  readonly field: string;
  /** The value in `actual`. */
  readonly from?: unknown;
  /** The value in `desired`. */
  readonly to?: unknown;
}

/** One thing to do. */
export interface VaultChange {
  /** What is to be done. */
  readonly action: 'create' | 'update' | 'delete';
  /** What it is done to. */
  readonly kind: VaultObjectKind;
  /** Path of the namespace; empty for the root. */
  readonly namespace: string;
  /** Within the namespace: a mount `secret`, a key `transit/volumes`, a role `kubernetes/csi`. */
  readonly path: string;
  /** What differs; of what is created all fields, of what is deleted none. In order of their names. */
  readonly fields: readonly VaultFieldChange[];
}

/**
 * The changes that lead from `actual` to `desired`. Always in one order, in which they can be made: what others need first,
 * then, from the other end, what is to go.
 */
export function diffVaultStates(desired: VaultState, actual: VaultState): readonly VaultChange[] {
  const wanted = objectsOf(desired);
  const present = objectsOf(actual);
  const made = [...wanted.values()].flatMap((object): readonly VaultChange[] => {
    const { body, ...id } = object;
    const there = present.get(keyOf(object));
    const fields = fieldChanges(there?.body ?? {}, body);
    if (there === undefined) return [{ action: 'create', ...id, fields }];
    return fields.length === 0 ? [] : [{ action: 'update', ...id, fields }];
  });
  const gone = [...present.values()].filter((object) => !wanted.has(keyOf(object)));
  return [...made, ...gone.reverse().map(({ body, ...id }) => ({ action: 'delete' as const, ...id, fields: [] }))];
}

interface VaultObject {
  readonly kind: VaultObjectKind;
  readonly namespace: string;
  readonly path: string;
  readonly body: object;
}

function keyOf({ kind, namespace, path }: VaultObject): string {
  return JSON.stringify([kind, namespace, path]);
}

/** Every object of a state, those first that others need. */
function objectsOf({ namespaces }: VaultState): ReadonlyMap<string, VaultObject> {
  const sorted = Object.entries(namespaces).sort(byName);
  const objects = [
    ...sorted.flatMap(([path]): VaultObject[] =>
      path === '' ? [] : [{ kind: 'namespace', namespace: path, path: '', body: {} }],
    ),
    ...sorted.flatMap(([namespace, content]) => [...contentOf(namespace, content)]),
  ];
  return new Map(objects.map((object) => [keyOf(object), object]));
}

function* contentOf(namespace: string, content: VaultNamespace): Generator<VaultObject> {
  const { mounts = {}, auth = {}, policies = {}, quotas = {}, audit = {} } = content;
  const inOrder = <T>(entries: Readonly<Record<string, T>>) => Object.entries(entries).sort(byName);
  for (const [path, mount] of inOrder(mounts)) {
    const { keys = {}, ...body } = { keys: undefined, ...mount };
    yield { kind: 'mount', namespace, path, body };
    for (const [key, settings] of inOrder(keys))
      yield { kind: 'transit-key', namespace, path: `${path}/${key}`, body: settings };
  }
  for (const [path, { roles, ...body }] of inOrder(auth)) yield { kind: 'auth', namespace, path, body };
  for (const [path, body] of inOrder(policies)) yield { kind: 'policy', namespace, path, body };
  for (const [path, { roles = {} }] of inOrder(auth)) {
    for (const [role, body] of inOrder<object>(roles)) yield { kind: 'role', namespace, path: `${path}/${role}`, body };
  }
  for (const [path, body] of inOrder(quotas)) yield { kind: 'quota', namespace, path, body };
  for (const [path, body] of inOrder(audit)) yield { kind: 'audit', namespace, path, body };
}

function fieldChanges(from: object, to: object): readonly VaultFieldChange[] {
  const before = new Map(flat(from));
  const after = new Map(flat(to));
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((field) => {
    const [old, next] = [before.get(field), after.get(field)];
    if (isSame(old, next)) return [];
    return [{ field, ...(old !== undefined && { from: old }), ...(next !== undefined && { to: next }) }];
  });
}

/** Fields of inner objects by their path; lists as a whole. */
function flat(value: object, path = ''): readonly (readonly [string, unknown])[] {
  return Object.entries(value).flatMap(([key, part]: [string, unknown]) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? flat(part, `${path}${key}.`)
      : [[`${path}${key}`, part] as const],
  );
}
