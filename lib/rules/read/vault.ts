// The desired state of a Vault, seen from those who use it.
import type { AuthMethod, KubernetesAuth, KubernetesRole, VaultNamespace, VaultState } from '../../vault/state';
import type { Cluster } from './cluster';
import type { KmsSectionView } from './kms-sections';
import type { KubernetesObject } from './kubernetes-object';
import { rookKmsOf } from './rook';
import { at, textOf, withoutSlashes } from './values';

/** Who uses the Vault, and what of it: a KMS of a ConfigMap, or Rook. */
export interface VaultClient {
  readonly object: KubernetesObject;
  /** Path of its settings. */
  readonly path: string;
  /** For people: `KMS vault-eu`. */
  readonly what: string;
  readonly kind: 'vault' | 'vaulttokens' | 'vaulttenantsa' | 'vaulttransit' | 'rook';
  readonly address: string;
  /** Namespace of the keys, without slashes at its ends. */
  readonly namespace: string;
  /** Namespace of the login. */
  readonly authNamespace: string;
  readonly kv?: {
    readonly mount: string;
    readonly version: 1 | 2 | undefined;
    /** Parts of the path of an entry below the mount; `anything` stands for what differs per volume. */
    readonly entry: readonly string[];
  };
  readonly transit?: { readonly mount: string; readonly key: string };
  /** Its login by the Kubernetes auth method. */
  readonly login?: { readonly mount: string; readonly role: string };
  readonly section?: KmsSectionView;
}

/** Stands in a path for what differs from volume to volume. */
export const anything = '\0';

/** All who use a Vault. */
export function vaultClientsOf(cluster: Cluster): readonly VaultClient[] {
  return [...cluster.sections().flatMap((section) => clientOf(section) ?? []), ...rookClientsOf(cluster)];
}

function clientOf(section: KmsSectionView): VaultClient | undefined {
  const { object, path, id, settings } = section;
  if (settings === undefined || !('authNamespace' in settings)) return undefined;
  const base = {
    object,
    path,
    what: `KMS ${id}`,
    address: settings.address,
    namespace: withoutSlashes(settings.namespace),
    authNamespace: withoutSlashes(settings.authNamespace),
    section,
  };
  if (settings.type === 'vaulttransit') {
    const transit = { mount: withoutSlashes(settings.transitPath), key: settings.keyName };
    return { ...base, kind: settings.type, transit, ...loginOf(settings.auth) };
  }
  const mount = withoutSlashes(settings.backendPath);
  const version = { kv: 1 as const, 'kv-v2': 2 as const, detect: undefined }[settings.backend];
  if (settings.type === 'vault') {
    const entry = [...withoutSlashes(settings.passphrasePath).split('/').filter(Boolean), anything];
    return { ...base, kind: settings.type, kv: { mount, version, entry }, ...loginOf(settings.auth) };
  }
  const kv = { mount, version, entry: settings.tenantPrefix ? [anything, anything] : [anything] };
  if (settings.type === 'vaulttokens') return { ...base, kind: settings.type, kv };
  const login = { mount: withoutSlashes(settings.mountPath), role: settings.role };
  return { ...base, kind: settings.type, kv, login };
}

function loginOf(
  auth:
    | { readonly method: 'token' }
    | { readonly method: 'kubernetes'; readonly mountPath: string; readonly role: string },
): Pick<VaultClient, 'login'> {
  return auth.method === 'token' ? {} : { login: { mount: withoutSlashes(auth.mountPath), role: auth.role } };
}

/** Rook's OSD keys. Its words are read as they stand: an odd one is the matter of another rule. */
function rookClientsOf({ objects }: Cluster): VaultClient[] {
  return rookKmsOf(objects).flatMap(({ object, use, path, details, provider }) => {
    if (provider !== 'vault' || use !== 'osd') return [];
    const word = (key: string) => textOf(at(details, key));
    const namespace = withoutSlashes(word('VAULT_NAMESPACE') ?? '');
    const backend = word('VAULT_BACKEND');
    const version = backend === 'v1' || backend === 'kv' ? 1 : backend === 'v2' || backend === 'kv-v2' ? 2 : undefined;
    const role = word('VAULT_AUTH_KUBERNETES_ROLE');
    const mount = withoutSlashes(word('VAULT_AUTH_MOUNT_PATH') ?? 'kubernetes');
    const hasLogin = word('VAULT_AUTH_METHOD') === 'kubernetes' && role !== undefined;
    return [
      {
        object,
        path,
        what: 'security.kms',
        kind: 'rook' as const,
        address: word('VAULT_ADDR') ?? '',
        namespace,
        authNamespace: namespace,
        kv: { mount: withoutSlashes(word('VAULT_BACKEND_PATH') || 'secret/'), version, entry: [anything] },
        ...(hasLogin && { login: { mount, role } }),
      },
    ];
  });
}

/** What the state says of a namespace. A state of the root namespace alone is of whatever namespace its client is set to. */
export function namespaceOf(state: VaultState, path: string): VaultNamespace | undefined {
  const [only, ...more] = Object.keys(state.namespaces);
  if (only === '' && more.length === 0) return state.namespaces[''];
  return Object.hasOwn(state.namespaces, path) ? state.namespaces[path] : undefined;
}

/** A member of a record, own ones only. */
export function memberOf<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}

/** An auth method of the state. */
export function authOf(state: VaultState, namespace: string, mount: string): AuthMethod | undefined {
  return memberOf(namespaceOf(state, namespace)?.auth, mount);
}

/** The role that a client logs in as, with its auth method. */
export function roleOf(
  state: VaultState,
  { login, authNamespace }: VaultClient,
): { readonly auth: KubernetesAuth; readonly role: KubernetesRole; readonly path: string } | undefined {
  const auth = login && authOf(state, authNamespace, login.mount);
  const role = auth?.type === 'kubernetes' ? memberOf(auth.roles, login?.role ?? '') : undefined;
  if (auth?.type !== 'kubernetes' || role === undefined || login === undefined) return undefined;
  return { auth, role, path: rolePath(authNamespace, login.mount, login.role) };
}

/** Path of a role in the state, for people. */
function rolePath(namespace: string, mount: string, role: string): string {
  return `namespaces[${JSON.stringify(namespace)}].auth[${JSON.stringify(mount)}].roles[${JSON.stringify(role)}]`;
}

/** One role of any auth method, with the policies that its tokens get. */
export interface AnyRole {
  readonly namespace: string;
  readonly mount: string;
  readonly type: AuthMethod['type'];
  readonly name: string;
  readonly path: string;
  readonly role: NonNullable<AuthMethod['roles']>[string];
  readonly policies: readonly string[];
}

/** All roles of a state. */
export function rolesOf(state: VaultState): readonly AnyRole[] {
  return Object.entries(state.namespaces).flatMap(([namespace, { auth = {} }]) =>
    Object.entries(auth).flatMap(([mount, method]) =>
      Object.entries(method.roles ?? {}).map(([name, role]) => {
        const policies =
          'allowedPolicies' in role ? role.allowedPolicies : 'tokenPolicies' in role ? role.tokenPolicies : [];
        return {
          namespace,
          mount,
          type: method.type,
          name,
          path: rolePath(namespace, mount, name),
          role,
          policies: policies ?? [],
        };
      }),
    ),
  );
}

/** Whether the path of a policy covers a path, both without a leading slash. Parts that are `anything` fit all. */
export function covers(policyPath: string, path: readonly string[]): boolean {
  const parts = withoutTemplates(policyPath).replace(/^\//, '').split('/');
  const last = parts.at(-1) ?? '';
  const isPrefix = last.endsWith('*');
  if (isPrefix ? path.length < parts.length : path.length !== parts.length) return false;
  return parts.every((part, index) => {
    const found = path[index] ?? '';
    if (part === '+' || part.includes(anything) || found === anything) return true;
    return isPrefix && index === parts.length - 1 ? found.startsWith(part.slice(0, -1)) : part === found;
  });
}

/** A template stands for one part of a path, and may hold another one with slashes in it: `{{identity….{{accessor:auth/x}}…}}`. */
function withoutTemplates(path: string): string {
  const innermost = /\{\{[^{}]*\}\}/g;
  let text = path;
  while (innermost.test(text)) text = text.replace(innermost, anything);
  return text;
}

/** A namespace below another, relative to it; undefined when it is not below. */
export function belowNamespace(namespace: string, top: string): readonly string[] | undefined {
  if (namespace === top) return [];
  if (top === '') return namespace.split('/');
  return namespace.startsWith(`${top}/`) ? namespace.slice(top.length + 1).split('/') : undefined;
}
