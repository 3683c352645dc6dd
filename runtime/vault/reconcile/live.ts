/** What is at the server for one object. */
import type { ApiObject, VaultApi } from './api';
import type { Desired } from './desired';
import type { ObjectId } from './object-id';

export interface Live {
  /** By the names of `Desired.fixed`. */
  readonly fixed: Readonly<Record<string, string>>;
  /** As the sections of the wanted object. Only the first one when `fixed` is not as wanted. */
  readonly sections: readonly ApiObject[];
}

/** Undefined when the object is not there. To be asked only of what does not lie in another. @throws VaultError. */
export async function readLive(api: VaultApi, { id, fixed, sections }: Desired): Promise<Live | undefined> {
  const first = await readAt(api, id);
  if (!first) return undefined;
  const found = fixedOf(id, first);
  const read = new Map([[sections[0].read, first]]);
  if (!Object.entries(fixed).every(([name, value]) => found[name] === value))
    return { fixed: found, sections: [first] };
  for (const section of sections) {
    if (read.has(section.read)) continue;
    // Without an answer the configuration was never written.
    read.set(section.read, (await api.read(id.namespace, section.read)) ?? {});
  }
  return { fixed: found, sections: sections.map((section) => read.get(section.read) ?? {}) };
}

/** The first answer for an object, which tells that it is there. @throws VaultError. */
export async function readObject(api: VaultApi, id: ObjectId): Promise<ApiObject | undefined> {
  return (await liesInAnother(api, id)) ? undefined : readAt(api, id);
}

async function readAt(api: VaultApi, { kind, namespace, path }: ObjectId): Promise<ApiObject | undefined> {
  if (kind !== 'audit') return api.read(namespace, path);
  const devices = await api.read(namespace, 'sys/audit');
  const device = devices?.[`${path.slice('sys/audit/'.length)}/`];
  return typeof device === 'object' && device !== null ? (device as ApiObject) : undefined;
}

/**
 * Whether an engine or auth method cannot be at its path because another one is above it. Asked for `a/b`, a server answers
 * with what is at `a`, and does not say so. @throws VaultError.
 */
export async function liesInAnother(api: VaultApi, { kind, namespace, path }: ObjectId): Promise<boolean> {
  if (kind !== 'mount' && kind !== 'auth') return false;
  const [sys, table, ...mount] = path.split('/');
  if (mount.length < 2) return false;
  return (await api.read(namespace, [sys, table, ...mount.slice(0, -1)].join('/'))) !== undefined;
}

/** What the first answer says of the things that cannot be changed. */
export function fixedOf({ kind }: ObjectId, first: ApiObject): Readonly<Record<string, string>> {
  if (kind !== 'mount' && kind !== 'auth' && kind !== 'transit-key' && kind !== 'audit') return {};
  const type = String(first.type).replace(/^ns_/, '');
  return { type, ...(type === 'kv' && { version: kvVersion(first) }) };
}

function kvVersion({ options }: ApiObject): string {
  const version: unknown =
    typeof options === 'object' && options !== null && 'version' in options ? options.version : undefined;
  return typeof version === 'string' && version !== '' ? version : '1';
}
