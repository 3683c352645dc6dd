/** What goes because it is ours and no longer wanted, and what must not go because data or somebody else's objects are in it. */
import type { ApiObject, VaultApi } from './api';
import type { Change, Problem } from './change';
import type { Consents } from './consents';
import { type Content, contentsOf } from './contents';
import type { Owned } from './ledger';
import { fixedOf, readObject } from './live';
import { addressOf, type ObjectId, objectKinds, splitTransitKey } from './object-id';

export interface Removals {
  /** In the order in which they are removed: what lies in another goes before it. */
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
  /** What is not there any more. */
  readonly gone: readonly ObjectId[];
}

/** @throws VaultError. */
export async function planRemovals(unwanted: readonly Owned[], api: VaultApi, consents: Consents): Promise<Removals> {
  // Some auth methods lower the letters of a role.
  const going = new Set(unwanted.map(addressOf).flatMap((address) => [address, address.toLowerCase()]));
  const changes: Change[] = [];
  const problems: Problem[] = [];
  const gone: ObjectId[] = [];
  for (const { kind, namespace, path } of [...unwanted].sort(innerFirst)) {
    const id: ObjectId = { kind, namespace, path };
    const first = await readOwned(api, id);
    if (!first) {
      gone.push(id);
      continue;
    }
    changes.push({ action: 'remove', id, fields: [] });
    const kept = await keptContents(api, id, first, going);
    if (kept.length > 0 && !isAgreed(id, consents)) problems.push(holdsData(id, kept));
  }
  return { changes, problems, gone };
}

/** Whether the loss of what an object holds was agreed to: for a key also by the consent for its engine. */
export function isAgreed(id: ObjectId, { deleteData }: Consents): boolean {
  if (deleteData.has(addressOf(id))) return true;
  if (id.kind !== 'transit-key') return false;
  return deleteData.has(addressOf({ ...id, path: `sys/mounts/${splitTransitKey(id.path).mount}` }));
}

/** The error for an object that holds what nobody agreed to lose. */
export function holdsData(id: ObjectId, contents: readonly Content[]): Problem {
  const few = contents.slice(0, 3).map(({ what }) => what);
  const more = contents.length > few.length ? ` and ${contents.length - few.length} more` : '';
  return {
    code: 'VAULT_HOLDS_DATA',
    address: addressOf(id),
    message: `holds ${few.join(', ')}${more}`,
    remedy: 'Put it back into the state, move what it holds, or name it with --delete-data to lose that for ever.',
  };
}

/** At the place of a transit engine may be another by now, in which the path is that of somebody's data: not read then. */
async function readOwned(api: VaultApi, id: ObjectId): Promise<ApiObject | undefined> {
  if (id.kind === 'transit-key') {
    const mount: ObjectId = { ...id, kind: 'mount', path: `sys/mounts/${splitTransitKey(id.path).mount}` };
    const found = await api.read(mount.namespace, mount.path);
    if (!found || fixedOf(mount, found).type !== 'transit') return undefined;
  }
  return readObject(api, id);
}

/** What is in it and does not go before it. */
async function keptContents(
  api: VaultApi,
  id: ObjectId,
  first: ApiObject,
  going: ReadonlySet<string>,
): Promise<readonly Content[]> {
  const contents = await contentsOf(api, id, first);
  return contents.filter(({ address }) => address === undefined || !going.has(address));
}

function innerFirst(left: ObjectId, right: ObjectId): number {
  const kinds = objectKinds.indexOf(right.kind) - objectKinds.indexOf(left.kind);
  if (kinds !== 0) return kinds;
  const depth = (id: ObjectId) => (id.namespace === '' ? 0 : id.namespace.split('/').length);
  return depth(right) - depth(left) || (addressOf(left) < addressOf(right) ? -1 : 1);
}
