/** What would be lost with an object: entries, keys, roles, or whatever a namespace holds. */

import { joinPath } from '../connection';
import type { ApiObject, VaultApi } from './api';
import { rolesFolder } from './desired';
import { fixedOf } from './live';
import { addressOf, type ObjectId, splitNamespace } from './object-id';

/** Something inside an object. */
export interface Content {
  /** For people, e.g. `the role shop`. */
  readonly what: string;
  /** Of an object that a state could own; undefined for what only users make. */
  readonly address?: string;
}

/**
 * @param first the first answer for the object, which tells its type
 * @throws VaultError.
 */
export async function contentsOf(api: VaultApi, id: ObjectId, first: ApiObject): Promise<readonly Content[]> {
  switch (id.kind) {
    case 'mount':
      return inMount(api, id, first);
    case 'transit-key':
      return [{ what: 'the only means to decrypt what it encrypted' }];
    case 'auth':
      return inAuth(api, id, first);
    case 'namespace':
      return inNamespace(api, joinPath(id.namespace, id.path.slice('sys/namespaces/'.length)));
    default:
      return [];
  }
}

async function inMount(api: VaultApi, id: ObjectId, first: ApiObject): Promise<readonly Content[]> {
  const { namespace } = id;
  const mount = id.path.slice('sys/mounts/'.length);
  const { type, version } = fixedOf(id, first);
  if (type === 'kv') {
    const entries = await api.list(namespace, version === '2' ? `${mount}/metadata` : mount);
    return entries.map((name) => ({ what: `the entry ${name}` }));
  }
  if (type !== 'transit') return [{ what: `whatever an engine of the type ${type} holds` }];
  const keys = await api.list(namespace, `${mount}/keys`);
  return keys.map((name) => {
    const path = `${mount}/keys/${name}`;
    return { what: `the key ${name}`, address: addressOf({ kind: 'transit-key', namespace, path }) };
  });
}

async function inAuth(api: VaultApi, id: ObjectId, first: ApiObject): Promise<readonly Content[]> {
  const { type = '' } = fixedOf(id, first);
  const folder = rolesFolder(id.path.slice('sys/auth/'.length), type);
  if (folder === undefined) return [{ what: `whatever an auth method of the type ${type} holds` }];
  const roles = await api.list(id.namespace, folder);
  return roles.map((name) => {
    const path = `${folder}/${name}`;
    return { what: `the role ${name}`, address: addressOf({ kind: 'role', namespace: id.namespace, path }) };
  });
}

/** A server destroys a namespace with all that is in it, without being asked twice. */
async function inNamespace(api: VaultApi, namespace: string): Promise<readonly Content[]> {
  const listed = async (table: 'mounts' | 'auth', own: readonly string[]): Promise<Content[]> => {
    const all = Object.keys((await api.read(namespace, `sys/${table}`)) ?? {}).map((path) => path.replace(/\/$/, ''));
    return all
      .filter((path) => !own.includes(path))
      .map((path) => ({ what: `${namespace}/sys/${table}/${path}`, address: `${namespace}/sys/${table}/${path}` }));
  };
  const policies = await api.list(namespace, 'sys/policies/acl');
  const children = await api.list(namespace, 'sys/namespaces');
  return [
    ...(await listed('mounts', ['sys', 'identity', 'cubbyhole'])),
    ...(await listed('auth', ['token'])),
    ...(await api.list(namespace, 'auth/token/roles')).map((name) => ({
      what: `the token role ${name}`,
      address: `${namespace}/auth/token/roles/${name}`,
    })),
    ...policies
      .filter((name) => name !== 'default' && name !== 'root')
      .map((name) => ({ what: `the policy ${name}`, address: `${namespace}/sys/policies/acl/${name}` })),
    ...children.map((name) => {
      const path = `${namespace}/${name.replace(/\/$/, '')}`;
      const { parent, name: last } = splitNamespace(path);
      return { what: `the namespace ${path}`, address: `${parent}/sys/namespaces/${last}` };
    }),
  ];
}
