// Where each tenant's keys are, and whether one could read the keys of another (R14).
import {
  kmsSettingsFor,
  type TenantOverrides,
  type VaultTenantSaKmsSettings,
  type VaultTokensKmsSettings,
} from '../../schema/kms';
import { labelName } from '../../schema/names';
import { SchemaError, type SchemaIssue } from '../../schema/schema-error';
import { plainPath } from './paths';

/** Tenants by their namespaces; with the data of their ConfigMaps, where they have such a thing. */
export type Tenants = readonly string[] | Readonly<Record<string, TenantOverrides>>;

/** What both tenant recipes take. */
export interface TenantProps {
  /** Tenants by their namespaces; with the data of their ConfigMaps, where they have such a thing. */
  readonly tenants: Tenants;
  /**
   * Lets every tenant read the keys of all, as with ceph-csi where no tenant has a ConfigMap: it puts all keys side by side.
   * @default false
   */
  readonly sharedKeys?: boolean;
}

type TenantKms = VaultTokensKmsSettings | VaultTenantSaKmsSettings;

/** One tenant, with the settings that count for it. */
export interface Tenant<S extends TenantKms> {
  readonly name: string;
  readonly settings: S;
  /** What stands before its volume ids, below the engine. */
  readonly prefix: string;
}

/**
 * The tenants, in order of their names.
 * Throws a SchemaError for a name that is none, for a tenant with another Vault, and for two that share keys unless that is allowed.
 */
export function tenantsOf<S extends TenantKms>(
  kms: S,
  { tenants, sharedKeys = false }: TenantProps,
): readonly Tenant<S>[] {
  const named = Array.isArray(tenants)
    ? (tenants as readonly string[]).map((name) => [name, undefined] as const)
    : Object.entries(tenants as Readonly<Record<string, TenantOverrides>>);
  const subject = `the tenants of a KMS of type ${kms.type}`;
  const issues: SchemaIssue[] = [];
  const found = new Map<string, Tenant<S>>();
  for (const [name, overrides] of named) {
    if (!labelName.safeParse(name).success) {
      issues.push({
        path: name,
        message: 'is not a name of a namespace',
        remedy: 'name each tenant: "*" and patterns would let strangers in (trap 5)',
      });
      continue;
    }
    const settings = kmsSettingsFor(kms, name, overrides);
    if (settings.address !== kms.address) {
      issues.push({
        path: `${name}.vaultAddress`,
        message: 'leads to another Vault',
        remedy: 'make a state of its own for that Vault, with this tenant alone',
      });
    }
    found.set(name, { name, settings, prefix: settings.tenantPrefix ? `${name}/` : '' });
  }
  const sorted = [...found.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  if (issues.length === 0 && !sharedKeys) issues.push(...neighbours(sorted));
  if (issues.length > 0) throw new SchemaError(subject, issues);
  return sorted;
}

/** Tenants whose keys lie in one place of one engine. A prefix is a tenant's own; without one the engine must be. */
function* neighbours(tenants: readonly Tenant<TenantKms>[]): Generator<SchemaIssue> {
  const engines = new Map<string, Tenant<TenantKms>>();
  for (const tenant of tenants) {
    const engine = `${plainPath(tenant.settings.namespace)}:${plainPath(tenant.settings.backendPath)}`;
    const other = engines.get(engine);
    if (other !== undefined && (other.prefix === '' || tenant.prefix === '')) {
      yield {
        path: tenant.name,
        message: `keeps its keys beside those of ${other.name}, so that each could read the other's (R14)`,
        remedy:
          'set tenantPrefix, or vaultBackendPath or vaultNamespace in the ConfigMap of each tenant; sharedKeys allows it as it is',
      };
    }
    engines.set(engine, tenant);
  }
}
