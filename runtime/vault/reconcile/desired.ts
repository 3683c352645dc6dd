/** From the state to one flat list of objects, each with the members of the API that it shall have. Pure. */
import { toHcl } from '../../../lib/vault/hcl';
import type {
  AuthMethod,
  KvMount,
  SecretSource,
  TransitMount,
  VaultNamespace,
  VaultState,
} from '../../../lib/vault/state';
import { apiName, type Field, type Fields, type FieldValue } from './field';
import {
  auditFields,
  jwtConfigFields,
  kubernetesConfigFields,
  kvConfigFields,
  mountFields,
  policyFields,
  quotaFields,
  roleFields,
  transitKeyFields,
} from './field-tables';
import { type ObjectId, objectKinds, splitNamespace } from './object-id';

/** What is read and written at one path of the API. */
export interface Section {
  readonly read: string;
  readonly write: string;
  readonly fields: readonly Field[];
  /** What the state says, by names of the API. */
  readonly given: Fields;
  /** Values that the server never gives back, sent with every write. */
  readonly secrets?: Readonly<Record<string, SecretSource>>;
}

export interface Desired {
  readonly id: ObjectId;
  /** What cannot be changed once it is there: type, version. Sent when it is made. */
  readonly fixed: Readonly<Record<string, string>>;
  /** The first one tells whether the object is there. */
  readonly sections: readonly [Section, ...Section[]];
  /** How it is made: the path, and the body beside `given` of the first section. */
  readonly create: { readonly path: string; readonly body: Readonly<Record<string, unknown>> };
  /** The object that it lies in, when that is one of the list. */
  readonly parent?: ObjectId;
  /** Others may lie in it: one that is not ours, and is as wanted, is used as it is. */
  readonly isContainer: boolean;
}

/** The objects of a state, in the order in which they are made. */
export function desiredObjects(state: VaultState): readonly Desired[] {
  const all = Object.entries(state.namespaces).flatMap(([path, namespace]) => [
    ...(path === '' ? [] : [namespaceObject(path)]),
    ...objectsOf(path, namespace),
  ]);
  const rank = ({ id: { kind, namespace, path } }: Desired) =>
    `${objectKinds.indexOf(kind)} ${String(namespace.split('/').length).padStart(3)} ${namespace} ${path}`;
  return all
    .map((desired) => [rank(desired), desired] as const)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([, desired]) => desired);
}

/** The id of a namespace, which lies in the one above it. */
function namespaceId(path: string): ObjectId {
  const { parent, name } = splitNamespace(path);
  return { kind: 'namespace', namespace: parent, path: `sys/namespaces/${name}` };
}

function namespaceObject(path: string): Desired {
  const id = namespaceId(path);
  return {
    id,
    fixed: {},
    sections: [{ read: id.path, write: id.path, fields: [], given: {} }],
    create: { path: id.path, body: {} },
    isContainer: true,
    ...(id.namespace !== '' && { parent: namespaceId(id.namespace) }),
  };
}

function* objectsOf(namespace: string, wanted: VaultNamespace): Generator<Desired> {
  const around = namespace === '' ? {} : { parent: namespaceId(namespace) };
  for (const [path, mount] of Object.entries(wanted.mounts ?? {})) {
    yield mount.type === 'kv' ? kv(namespace, path, mount) : transit(namespace, path, mount);
    if (mount.type === 'transit') yield* transitKeys(namespace, path, mount);
  }
  for (const [path, method] of Object.entries(wanted.auth ?? {})) {
    // The token method is always there, and nobody's.
    if (method.type !== 'token') yield auth(namespace, path, method);
    yield* roles(namespace, path, method);
  }
  for (const [name, policy] of Object.entries(wanted.policies ?? {})) {
    const path = `sys/policies/acl/${name}`;
    yield { ...single({ kind: 'policy', namespace, path }, policyFields, { policy: toHcl(policy) }), ...around };
  }
  for (const [name, quota] of Object.entries(wanted.quotas ?? {})) {
    const path = `sys/quotas/rate-limit/${name}`;
    yield { ...single({ kind: 'quota', namespace, path }, quotaFields, named(quota)), ...around };
  }
  for (const [name, { type, ...device }] of Object.entries(wanted.audit ?? {})) {
    const id: ObjectId = { kind: 'audit', namespace, path: `sys/audit/${name}` };
    const made = single(id, auditFields, named(device));
    yield { ...made, fixed: { type }, create: { path: id.path, body: { type } }, ...around };
  }
}

function kv(namespace: string, path: string, { description, version, type, ...config }: KvMount): Desired {
  const options = { version: String(version) };
  const made = enabled({ kind: 'mount', namespace, path: `sys/mounts/${path}` }, { type, ...options }, description);
  return {
    ...made,
    create: { path: made.id.path, body: { type, options } },
    sections:
      version === 1
        ? made.sections
        : [
            ...made.sections,
            { read: `${path}/config`, write: `${path}/config`, fields: kvConfigFields, given: named(config) },
          ],
  };
}

function transit(namespace: string, path: string, { description, type }: TransitMount): Desired {
  return enabled({ kind: 'mount', namespace, path: `sys/mounts/${path}` }, { type }, description);
}

function* transitKeys(namespace: string, mount: string, { keys = {} }: TransitMount): Generator<Desired> {
  for (const [name, { type = 'aes256-gcm96', ...config }] of Object.entries(keys)) {
    const path = `${mount}/keys/${name}`;
    yield {
      id: { kind: 'transit-key', namespace, path },
      fixed: { type },
      sections: [
        { read: path, write: path, fields: [], given: {} },
        { read: path, write: `${path}/config`, fields: transitKeyFields, given: named(config) },
      ],
      create: { path, body: { type } },
      parent: { kind: 'mount', namespace, path: `sys/mounts/${mount}` },
      isContainer: false,
    };
  }
}

function auth(namespace: string, path: string, method: Exclude<AuthMethod, { type: 'token' }>): Desired {
  const { type, description } = method;
  const made = enabled({ kind: 'auth', namespace, path: `sys/auth/${path}` }, { type }, description);
  const config = `auth/${path}/config`;
  if (method.type === 'jwt') {
    const section = { read: config, write: config, fields: jwtConfigFields, given: named(method.config) };
    return { ...made, sections: [...made.sections, section] };
  }
  if (method.type !== 'kubernetes') return made;
  const { reviewer, issuer, ...rest } = method.config;
  const given = {
    ...named(rest),
    // R4: what comes from the pod of Vault is good only in its own cluster and in this mode.
    disable_local_ca_jwt: reviewer.mode !== 'vault-own-token',
    ...(issuer !== undefined && { issuer, disable_iss_validation: false }),
  };
  const secrets = reviewer.mode === 'reviewer-token' ? { token_reviewer_jwt: reviewer.tokenReviewerJwt } : {};
  const section = { read: config, write: config, fields: kubernetesConfigFields, given, secrets };
  return { ...made, sections: [...made.sections, section] };
}

function* roles(namespace: string, mount: string, method: AuthMethod): Generator<Desired> {
  const folder = rolesFolder(mount, method.type);
  const parent: { readonly parent?: ObjectId } =
    method.type === 'token'
      ? namespace === ''
        ? {}
        : { parent: namespaceId(namespace) }
      : { parent: { kind: 'auth', namespace, path: `sys/auth/${mount}` } };
  for (const [name, role] of Object.entries<object>(method.roles ?? {})) {
    const id: ObjectId = { kind: 'role', namespace, path: `${folder}/${name}` };
    // Of jwt only the plain form is declared: without this the server expects a browser.
    const given = { ...named(role), ...(method.type === 'jwt' && { role_type: 'jwt' }) };
    yield { ...single(id, roleFields[method.type], given), ...parent };
  }
}

/** Where an auth method keeps its roles; undefined for a type that we do not know. */
export function rolesFolder(mount: string, type: AuthMethod['type']): string;
export function rolesFolder(mount: string, type: string): string | undefined;
export function rolesFolder(mount: string, type: string): string | undefined {
  const folders: Readonly<Record<string, string>> = {
    kubernetes: 'role',
    approle: 'role',
    jwt: 'role',
    oidc: 'role',
    cert: 'certs',
    token: 'roles',
  };
  return folders[type] && `auth/${mount}/${folders[type]}`;
}

/** An engine or auth method: made at its path, tuned below it. */
function enabled(id: ObjectId, fixed: Readonly<Record<string, string>>, description: string | undefined): Desired {
  const given: Fields = description === undefined ? {} : { description };
  return {
    id,
    fixed,
    sections: [{ read: id.path, write: `${id.path}/tune`, fields: mountFields, given }],
    create: { path: id.path, body: { type: fixed.type } },
    isContainer: true,
    ...(id.namespace !== '' && { parent: namespaceId(id.namespace) }),
  };
}

/** An object that one write makes and changes. */
function single(id: ObjectId, fields: readonly Field[], given: Fields): Desired {
  const section = { read: id.path, write: id.path, fields, given };
  return { id, fixed: {}, sections: [section], create: { path: id.path, body: {} }, isContainer: false };
}

function named(members: object): Fields {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [apiName(name), value as FieldValue]));
}
