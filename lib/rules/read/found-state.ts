// A state of a Vault that is put together from what declares it piece by piece: resources of a Pulumi stack, or manifests of
// an operator. It may be a part only, and what cannot be read must not look as if it were not there.
import { decodeWith } from '../../schema/decode';
import { nearest } from '../../schema/nearest';
import { SchemaError } from '../../schema/schema-error';
import { vaultState } from '../../vault/namespace';
import { policyRulesOf } from './policy-text';
import type { Fields } from './values';

type Section = 'mounts' | 'policies' | 'auth';
type Members = Map<string, Fields>;

/** Where a role is. */
export interface RolePlace {
  readonly namespace: string;
  /** Path of the auth method. */
  readonly mount: string;
  readonly type: string;
  readonly name: string;
}

interface FoundNamespace {
  readonly mounts: Members;
  readonly transitKeys: Map<string, Members>;
  readonly policies: Members;
  readonly otherPolicies: Set<string>;
  readonly auth: Members;
  readonly roles: Map<string, { readonly type: string; readonly byName: Members }>;
  readonly unreadable: Set<Section>;
}

/** Of a method whose configuration is declared elsewhere nothing is known: this is one that no rule has anything to say of. */
const unknownConfig = { kubernetesHost: 'https://kubernetes.default.svc', reviewer: { mode: 'vault-own-token' } };

/** Collects the pieces. Fields that are undefined are left out. */
export class FoundState {
  readonly #namespaces = new Map<string, FoundNamespace>();

  /** An engine, or more of what is said about one. Engines of types that the state does not know are left out. */
  mount(namespace: string, path: string, fields: Fields): void {
    add(this.#in(namespace).mounts, path, fields);
  }

  transitKey(namespace: string, mount: string, name: string, fields: Fields): void {
    const { transitKeys } = this.#in(namespace);
    const keys = transitKeys.get(mount) ?? new Map<string, Fields>();
    transitKeys.set(mount, keys);
    add(keys, name, fields);
  }

  /** A policy as text; without one, only that it exists. */
  policy(namespace: string, name: string, text: string | undefined): void {
    const rules = text === undefined ? undefined : policyRulesOf(text);
    const found = this.#in(namespace);
    if (rules === undefined) found.otherPolicies.add(name);
    else add(found.policies, name, { rules });
  }

  /** An auth method, or more of what is said about one. */
  auth(namespace: string, path: string, fields: Fields): void {
    add(this.#in(namespace).auth, path, fields);
  }

  role({ namespace, mount, type, name }: RolePlace, fields: Fields): void {
    const { roles } = this.#in(namespace);
    const found = roles.get(mount) ?? { type, byName: new Map<string, Fields>() };
    roles.set(mount, found);
    add(found.byName, name, fields);
  }

  /** Something is declared there that cannot be read: nothing is said of this section then. */
  unreadable(namespace: string, section: Section): void {
    this.#in(namespace).unreadable.add(section);
  }

  /** The state; undefined when no piece of it was found. */
  state(): unknown {
    if (this.#namespaces.size === 0) return undefined;
    const namespaces = [...this.#namespaces]
      .filter(([path]) => isReadable(path, {}))
      .map(([path, found]) => [path, namespaceOf(path, found)] as const);
    return { owner: 'declared', namespaces: Object.fromEntries(namespaces) };
  }

  #in(namespace: string): FoundNamespace {
    const found = this.#namespaces.get(namespace) ?? {
      mounts: new Map(),
      transitKeys: new Map(),
      policies: new Map(),
      otherPolicies: new Set(),
      auth: new Map(),
      roles: new Map(),
      unreadable: new Set(),
    };
    this.#namespaces.set(namespace, found);
    return found;
  }
}

function add(members: Members, key: string, fields: Fields): void {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  members.set(key, { ...members.get(key), ...Object.fromEntries(given) });
}

function namespaceOf(path: string, found: FoundNamespace): Fields {
  const mounts = mountsOf(path, found);
  const policies = [...found.policies].filter(([name, policy]) => isReadable(path, { policies: { [name]: policy } }));
  const auth = found.unreadable.has('auth') ? undefined : authOf(path, found);
  const declared = new Set([...policies.map(([name]) => name), ...found.otherPolicies]);
  return {
    ...(mounts !== undefined && { mounts }),
    policies: Object.fromEntries(policies),
    externalPolicies: externalPolicies(found, declared),
    ...(auth !== undefined && { auth }),
  };
}

function mountsOf(path: string, { mounts, transitKeys, unreadable }: FoundNamespace): Fields | undefined {
  if (unreadable.has('mounts')) return undefined;
  const found = [...mounts].flatMap(([name, fields]) => {
    const keys = [...(transitKeys.get(name) ?? [])].filter(([key, body]) =>
      isReadable(path, { mounts: { m: { type: 'transit', keys: { [key]: body } } } }),
    );
    const mount = fields.type === 'transit' ? { ...fields, keys: Object.fromEntries(keys) } : fields;
    return isReadable(path, { mounts: { [name]: mount } }) ? [[name, mount] as const] : [];
  });
  return Object.fromEntries(found);
}

/** With one role or method that cannot be read, another's name could seem wrong for it: then nothing is said of logins. */
function authOf(path: string, { auth, roles }: FoundNamespace): Fields | undefined {
  const found: Record<string, Fields> = {};
  for (const mount of new Set([...auth.keys(), ...roles.keys()])) {
    const { type, byName } = roles.get(mount) ?? { type: undefined, byName: new Map<string, Fields>() };
    const fields = { type, ...auth.get(mount) };
    const config =
      fields.type === 'kubernetes' ? { config: unknownConfig } : fields.type === 'jwt' ? { config: {} } : {};
    const method = { ...config, ...fields, roles: Object.fromEntries(byName) };
    // A method of a type that is not known here, such as oidc, is nobody's login.
    if (!['kubernetes', 'approle', 'token', 'cert', 'jwt'].includes(String(fields.type))) continue;
    if (!isReadable(path, { auth: { [mount]: method } })) return undefined;
    found[mount] = method;
  }
  return found;
}

/** Policies that roles name, and somebody else may keep: all but a near miss of one that is declared here. */
function externalPolicies({ roles }: FoundNamespace, declared: ReadonlySet<string>): readonly string[] {
  const bodies = [...roles.values()].flatMap(({ byName }) => [...byName.values()]);
  const named = bodies.flatMap(({ tokenPolicies, allowedPolicies }) =>
    [tokenPolicies, allowedPolicies].flatMap((names) => (Array.isArray(names) ? names : [])),
  );
  const others = [...new Set(named.map(String))].filter(
    (name) => declared.has(name) || nearest(name, [...declared]) === undefined,
  );
  return [...new Set([...declared, ...others])].filter((name) => isReadable('', { externalPolicies: [name] }));
}

function isReadable(path: string, content: Fields): boolean {
  try {
    decodeWith(vaultState, { owner: 'declared', namespaces: { [path]: content } }, 'a piece of the state');
    return true;
  } catch (error) {
    if (error instanceof SchemaError) return false;
    throw error;
  }
}
