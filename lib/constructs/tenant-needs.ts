// What the KMSs of a driver read of tenants: it decides whether the tenant agent runs, and all that its roles allow.
import { type KmsSettings, kmsSecretSources, kmsSettingsFor } from '../schema/kms';
import { labelName } from '../schema/names';
import { propError } from './prop-error';

/** What the agent may read and do in one namespace: these objects by name. */
export interface NamespaceNeeds {
  /** Secrets that are read. */
  readonly secrets: ReadonlySet<string>;
  /** ConfigMaps that are read. */
  readonly configMaps: ReadonlySet<string>;
  /** ServiceAccounts whose tokens are requested. */
  readonly serviceAccounts: ReadonlySet<string>;
}

/** What the agent needs. Empty when no KMS reads anything of a tenant. */
export interface TenantNeeds {
  /** The tenants: the namespaces of their claims. */
  readonly tenants: readonly string[];
  /** What is needed in each namespace. */
  readonly namespaces: ReadonlyMap<string, NamespaceNeeds>;
}

/** What decides them. */
export interface TenantNeedsProps {
  /** The construct, to name it in an error. */
  readonly subject: string;
  readonly kms: Readonly<Record<string, KmsSettings>>;
  readonly tenants: readonly string[];
  /** Namespace of the driver. */
  readonly namespace: string;
}

/** Collects the needs of all KMSs. Throws when a KMS comes as the tenant and no tenant is named. */
export function tenantNeeds({ subject, kms, tenants, namespace }: TenantNeedsProps): TenantNeeds {
  for (const tenant of tenants) refuseNoNamespace(tenant, subject);
  const collected = new Collected();
  for (const [id, settings] of Object.entries(kms)) {
    if (tenants.length === 0 && readsOfTenants(settings)) throw noTenants(id, settings, subject);
    for (const source of kmsSecretSources(settings)) {
      if (source.from === 'secret' && source.namespace !== undefined && source.namespace !== namespace) {
        collected.at(source.namespace).secrets.add(source.name);
      }
    }
    for (const tenant of tenants) {
      for (const source of kmsSecretSources(kmsSettingsFor(settings, tenant, undefined))) {
        if (source.from === 'config-map') collected.at(tenant).configMaps.add(source.name);
        if (source.from === 'token-request') collected.at(tenant).serviceAccounts.add(source.serviceAccount);
        if (source.from !== 'secret' || source.namespace !== undefined) continue;
        collected.at(tenant).secrets.add(source.name);
        if (source.orOfDriver) collected.at(namespace).secrets.add(source.name);
      }
    }
  }
  const served = [...new Set(tenants)].filter((tenant) => collected.namespaces.has(tenant)).sort();
  return { tenants: served, namespaces: collected.namespaces };
}

class Collected {
  readonly namespaces = new Map<string, { readonly [K in keyof NamespaceNeeds]: Set<string> }>();

  at(namespace: string): { readonly [K in keyof NamespaceNeeds]: Set<string> } {
    const present = this.namespaces.get(namespace);
    if (present !== undefined) return present;
    const added = { secrets: new Set<string>(), configMaps: new Set<string>(), serviceAccounts: new Set<string>() };
    this.namespaces.set(namespace, added);
    return added;
  }
}

function readsOfTenants(settings: KmsSettings): boolean {
  return kmsSecretSources(settings).some(
    (source) =>
      source.from === 'config-map' ||
      source.from === 'token-request' ||
      (source.from === 'secret' && source.namespace === undefined),
  );
}

function noTenants(id: string, { type }: KmsSettings, subject: string): Error {
  return propError({
    prop: `${subject}.tenants`,
    got: 'none',
    allowed: 'the namespaces whose claims use this KMS',
    remedy: `The KMS ${id} of type ${type} reads from the namespace of each claim: name the tenants, or use a KMS that reads from the driver's namespace`,
    rule: 'R14, trap 5',
  });
}

function refuseNoNamespace(tenant: string, subject: string): void {
  if (labelName.safeParse(tenant).success) return;
  throw propError({
    prop: `${subject}.tenants`,
    got: JSON.stringify(tenant),
    allowed: 'names of namespaces',
    remedy: 'A tenant is the namespace of its claims; "*" and patterns would open the Secrets of strangers',
    rule: 'trap 5',
  });
}
