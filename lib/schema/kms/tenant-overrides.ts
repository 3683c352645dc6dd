// What counts for one tenant: the section, then the administrator's map `tenants`, then the tenant's own ConfigMap
// (facts/ceph-csi-kms.md §4.4). Overrides are merged in ceph-csi's spelling and decoded again, so that no value of a
// tenant gets past a check that the administrator's would have met.

import type { z } from 'zod';
import { labelName } from '../names';
import { SchemaError, type SchemaIssue } from '../schema-error';
import { purposeOf } from '../zod-issues';
import type { KmsOption, KmsSecretSource } from './definition';
import { administratorKeys, tenantKeys } from './tenant-vault-section';
import type { TenantOverrides, TenantVaultSettings } from './tenant-vault-settings';

/** What a type tells of itself. */
export interface TenantType<S extends TenantVaultSettings> {
  readonly encode: (settings: S) => Readonly<Record<string, unknown>>;
  /** Throws a SchemaError. */
  readonly decode: (section: unknown, subject: string) => S;
  /** What the tenant's ConfigMap may set beside the keys of both types. */
  readonly tenantKeys: readonly string[];
  /** What only the administrator's map may set besides. */
  readonly administratorKeys: readonly string[];
}

/**
 * The settings for one tenant.
 * @param config data of the tenant's ConfigMap; undefined when there is none, which is fine
 * Throws a SchemaError when the tenant's values cannot be: with part of them one would look for the keys elsewhere.
 */
export function overridden<S extends TenantVaultSettings>(
  type: TenantType<S>,
  settings: S,
  tenant: string,
  config: TenantOverrides | undefined,
): S {
  const { overrides, tenants } = settings;
  if (overrides === 'none') return settings;
  const declared = overrides === 'documented' && Object.hasOwn(tenants, tenant) ? tenants[tenant] : undefined;
  const base = declared === undefined ? settings : merged(type, settings, declared, `the entry ${tenant} of tenants`);
  if (config === undefined) return base;
  const allowed = new Set([...mayBeSetByTenant(type), ...(overrides === 'documented' ? ['vaultCAFromSecret'] : [])]);
  const counting = Object.entries(config).filter(([key]) => allowed.has(key));
  if (counting.length === 0) return base;
  return merged(type, base, Object.fromEntries(counting), `the ConfigMap ${base.tenantConfigName} of tenant ${tenant}`);
}

/** Where a tenant's ConfigMap is looked for. The administrator's map may name another one for a tenant. */
export function configNameFor({ overrides, tenants, tenantConfigName }: TenantVaultSettings, tenant: string): string {
  const declared = overrides === 'documented' && Object.hasOwn(tenants, tenant) ? tenants[tenant] : undefined;
  return declared?.tenantConfigName ?? tenantConfigName;
}

/** Refuses entries of `tenants` that could not count, all at once; whether they do count is another matter. */
export function refuseOddTenants<S extends TenantVaultSettings>(
  type: TenantType<S>,
  settings: S,
  subject: string,
): void {
  const allowed = [...mayBeSetByTenant(type), ...administratorKeys, ...type.administratorKeys];
  const issues = Object.entries(settings.tenants).flatMap(([tenant, entry]) => {
    const unknown = Object.keys(entry).filter((key) => !allowed.includes(key));
    if (unknown.length > 0) return unknown.map((key) => unknownKey(tenant, key, allowed));
    return issuesOf(() => merged(type, settings, entry, subject)).map((issue) => at(`tenants.${tenant}`, issue));
  });
  if (issues.length > 0) throw new SchemaError(subject, issues);
}

/** The keys of a type with their meaning, for its documentation. */
export function tenantOptions(
  shape: Readonly<Record<string, z.ZodType>>,
  own: readonly string[],
): Readonly<Record<string, KmsOption>> {
  const maySet: readonly string[] = [...tenantKeys, ...own];
  return Object.fromEntries(
    Object.entries(shape).flatMap(([key, field]) => {
      const docs = purposeOf(field);
      return docs === undefined ? [] : [[key, { docs, tenantMaySet: maySet.includes(key) }]];
    }),
  );
}

/** What both types read of a tenant beside its credential. */
export function tenantSources({ tls, overrides, tenantConfigName, tenants }: TenantVaultSettings): KmsSecretSource[] {
  const secret = (name: string | undefined, key: string): KmsSecretSource[] =>
    name === undefined ? [] : [{ from: 'secret', name, key, orOfDriver: true }];
  const configNames = new Set([tenantConfigName, ...Object.values(tenants).flatMap((it) => it.tenantConfigName ?? [])]);
  return [
    ...(overrides === 'none' ? [] : [...configNames].map((name) => ({ from: 'config-map' as const, name }))),
    ...secret(tls.caFromSecret, tlsKeys.certificate),
    ...secret(tls.clientCertFromSecret, tlsKeys.certificate),
    ...secret(tls.clientCertKeyFromSecret, tlsKeys.key),
  ];
}

/** The keys inside the Secrets with TLS material, as in ceph-csi. */
export const tlsKeys = { certificate: 'cert', key: 'key' } as const;

function mayBeSetByTenant({ tenantKeys: own }: Pick<TenantType<never>, 'tenantKeys'>): readonly string[] {
  return [...tenantKeys, ...own];
}

function merged<S extends TenantVaultSettings>(
  type: TenantType<S>,
  settings: S,
  overrides: TenantOverrides,
  subject: string,
): S {
  const { vaultAuthNamespace, ...base } = type.encode(settings);
  // A tenant that moves its keys to another namespace also logs in there, where the section does not tell the two apart.
  const follows = settings.authNamespace === settings.namespace && overrides.vaultNamespace !== undefined;
  const kept = vaultAuthNamespace === undefined || follows ? {} : { vaultAuthNamespace };
  return type.decode({ ...base, ...kept, ...overrides }, subject);
}

function unknownKey(tenant: string, key: string, allowed: readonly string[]): SchemaIssue {
  return {
    path: `tenants.${labelName.safeParse(tenant).success ? tenant : '…'}.${key}`,
    message: 'cannot be set for a tenant',
    allowed,
    remedy: 'remove it',
  };
}

function issuesOf(decode: () => unknown): readonly SchemaIssue[] {
  try {
    decode();
    return [];
  } catch (error) {
    if (error instanceof SchemaError) return error.issues;
    throw error;
  }
}

function at(prefix: string, issue: SchemaIssue): SchemaIssue {
  return { ...issue, path: issue.path === '' ? prefix : `${prefix}.${issue.path}` };
}
