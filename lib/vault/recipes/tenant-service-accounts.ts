// KMS type `vaulttenantsa`: the driver logs in as a service account of the tenant. Where a path holds the tenant's name, one
// templated policy does for all tenants.
import { settleKms, type VaultTenantSaKmsProps, type VaultTenantSaKmsSettings } from '../../schema/kms';
import { SchemaError } from '../../schema/schema-error';
import { mergeRules } from '../access';
import { serviceAccountNamespace } from '../accessor';
import { canonical } from '../format';
import type { VaultState } from '../namespace';
import type { PolicyRule } from '../policy';
import { type Grant, type RecipeProps, stateOf } from './grant';
import { type KvMountOptions, keyValuesOf } from './key-values';
import { type KubernetesLoginProps, serviceAccountLogin } from './login';
import { plainPath } from './paths';
import { type Tenant, type TenantProps, tenantsOf } from './tenants';

/** Props of `tenantServiceAccountsState`. */
export interface TenantServiceAccountsProps extends RecipeProps, TenantProps {
  /** The KMS, as the driver's configuration has it. */
  readonly kms: VaultTenantSaKmsProps;
  /**
   * Name of the policy; `-` and the role follow where tenants have roles of their own.
   * @default csi-tenants
   */
  readonly name?: string;
  /**
   * The Kubernetes auth method, and the life of its tokens.
   * @default - Vault runs in this cluster; batch tokens for an hour
   */
  readonly login?: KubernetesLoginProps;
  /**
   * Settings of the KV engines beside their version.
   * @default - those of the server
   */
  readonly mount?: KvMountOptions;
}

/** Engines, policy, auth method and role for the service accounts of all tenants. Throws a SchemaError for what cannot be. */
export function tenantServiceAccountsState(props: TenantServiceAccountsProps): VaultState {
  return stateOf(tenantServiceAccountGrants(settleKms('vaulttenantsa', props.kms), props), props, props.login);
}

type SaTenant = Tenant<VaultTenantSaKmsSettings>;

/** One grant for each role. */
export function tenantServiceAccountGrants(
  kms: VaultTenantSaKmsSettings,
  { name = 'csi-tenants', login = {}, mount, ...props }: Omit<TenantServiceAccountsProps, 'kms'>,
): readonly Grant[] {
  const roles = new Map<string, SaTenant[]>();
  for (const tenant of tenantsOf(kms, props)) {
    const { authNamespace, mountPath, role } = tenant.settings;
    const key = canonical([plainPath(authNamespace), mountPath, role]);
    const present = roles.get(key);
    if (present === undefined) roles.set(key, [tenant]);
    else present.push(tenant);
  }
  return [...roles.values()].flatMap((tenants) => {
    const [first] = tenants;
    if (first === undefined) return [];
    const { authNamespace, mountPath: path, role, tenantSAName: account, audience } = first.settings;
    if (tenants.some(({ settings }) => settings.tenantSAName !== account)) throw notOneAccount(role, tenants);
    const accounts = { names: [account], namespaces: tenants.map((tenant) => tenant.name), audience };
    return {
      namespace: plainPath(authNamespace),
      policy: roles.size === 1 ? name : `${name}-${role.toLowerCase()}`,
      rules: rulesFor(tenants, props.sharedKeys ?? false),
      login: serviceAccountLogin({ path, role }, accounts, login),
      engines: tenants.map((tenant) => keyValuesOf(tenant.settings, { prefix: '', options: mount }).engine),
    };
  });
}

/** The rules of one role. Throws a SchemaError when no template tells its tenants apart. */
function rulesFor(tenants: readonly SaTenant[], sharedKeys: boolean): readonly PolicyRule[] {
  const [first, ...others] = tenants.map(templated);
  if (first !== undefined && others.every((rules) => canonical(rules) === canonical(first))) {
    const isTold = first.some(({ path }) => path.includes('{{'));
    if (isTold && (tenants.length > 1 || tenants[0]?.prefix !== '')) return first;
  }
  const [plain = [], ...more] = tenants.map(({ settings, prefix }) => keyValuesOf(settings, { prefix }).rules);
  if (more.length === 0 || sharedKeys) return mergeRules([...plain, ...more.flat()]);
  throw new SchemaError(`the role ${tenants[0]?.settings.role}`, [
    {
      path: '',
      message: `is the one of ${tenants.map(({ name }) => name).join(', ')}, whose keys no template tells apart (R14)`,
      remedy:
        'set tenantPrefix, or let the tenant’s name be a part of vaultBackendPath, or give each tenant a vaultRole',
    },
  ]);
}

/** The rules with the tenant's name, where it is a part of a path, replaced by the namespace of whoever has logged in. */
function templated({ name, settings, prefix }: SaTenant): readonly PolicyRule[] {
  const namespace = serviceAccountNamespace(settings.mountPath);
  const inPath = (path: string) =>
    plainPath(path)
      .split('/')
      .map((part) => (part === name ? namespace : part))
      .join('/');
  return keyValuesOf(
    { ...settings, namespace: keysBelow(settings.namespace, settings.authNamespace, inPath) },
    { prefix: prefix === '' ? '' : `${namespace}/`, mountPath: inPath(settings.backendPath) },
  ).rules;
}

/** The namespace of the login stays as it is: policies are written there, and only what is below is named in them. */
function keysBelow(namespace: string, authNamespace: string, inPath: (path: string) => string): string {
  const login = plainPath(authNamespace);
  const keys = plainPath(namespace);
  if (login === '') return inPath(keys);
  return keys.startsWith(`${login}/`) ? `${login}/${inPath(keys.slice(login.length + 1))}` : keys;
}

function notOneAccount(role: string, tenants: readonly SaTenant[]): SchemaError {
  return new SchemaError(`the role ${role}`, [
    {
      path: 'tenantSAName',
      message: `differs among ${tenants.map(({ name }) => name).join(', ')}, who log in by this one role`,
      remedy: 'give each name of a service account a vaultRole of its own',
    },
  ]);
}
