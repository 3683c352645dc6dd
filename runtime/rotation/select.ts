/** Which keys a run takes, in which order, and why it leaves out others. Pure: the same list gives the same plan. */
import type { Key } from '../grpc/gen/admin_pb';
import { classOf, type KnownClasses } from './class-of';

export type RotationKind = 'kek' | 'passphrase' | 'volume-key';

export interface Selection {
  /** One volume or snapshot. Without it all that the rest allows. */
  readonly id?: string;
  readonly tenant?: string;
  readonly kmsId?: string;
  readonly className?: string;
  /** Of volumes whose record names no class. Those that are not here either are left out, and said to be. */
  readonly classes?: KnownClasses;
  readonly kind: RotationKind;
  /** Rotated at or after this: left out. RFC 3339. */
  readonly since?: string;
}

export interface Plan {
  readonly chosen: readonly Key[];
  readonly skipped: readonly { readonly key: Key; readonly reason: string }[];
}

/**
 * The oldest key first, so that a run that is stopped has done what was most urgent; a key that was never rotated is as old
 * as its volume. Ids decide between equals.
 */
export function plan(keys: readonly Key[], selection: Selection): Plan {
  const wanted = keys.filter((key) => isWanted(key, selection));
  const judged = wanted.map((key) => ({ key, reason: reasonToSkip(key, selection) }));
  const chosen = judged.filter(({ reason }) => reason === undefined).map(({ key }) => key);
  return {
    chosen: chosen.sort((one, other) => compare(orderOf(one, selection.kind), orderOf(other, selection.kind))),
    skipped: judged.flatMap(({ key, reason }) => (reason === undefined ? [] : [{ key, reason }])),
  };
}

/** When the key was last rotated in this way. Undefined: never. */
function lastRotated(key: Key, kind: RotationKind): string | undefined {
  const at = { kek: key.rewrappedAt, passphrase: key.rotatedAt, 'volume-key': key.reencryptedAt }[kind];
  return at === '' ? undefined : at;
}

function isWanted(key: Key, { id, tenant, kmsId, kind, className, classes = new Map() }: Selection): boolean {
  // Of a snapshot only the wrapping can be renewed; a run over volumes says in its report which of them keep their keys.
  if (key.isSnapshot && kind !== 'kek' && id === undefined) return false;
  return (
    (id === undefined || key.id === id) &&
    (tenant === undefined || key.tenant === tenant) &&
    (kmsId === undefined || key.kmsId === kmsId) &&
    (className === undefined || [className, undefined].includes(classOf(key, classes)))
  );
}

function reasonToSkip(key: Key, { kind, since, className, classes = new Map() }: Selection): string | undefined {
  if (className !== undefined && classOf(key, classes) === undefined) return 'class unknown';
  const last = lastRotated(key, kind);
  if (since !== undefined && last !== undefined && Date.parse(last) >= Date.parse(since)) return `was done at ${last}`;
  if (kind === 'volume-key' && key.isUnused) return 'holds no data yet';
  return undefined;
}

function orderOf(key: Key, kind: RotationKind): string {
  return `${new Date(lastRotated(key, kind) ?? key.createdAt).toISOString()} ${key.id}`;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
