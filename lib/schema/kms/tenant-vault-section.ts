// The two tenant types as a section of ceph-csi's config.json, in camelCase or translated from the environment spelling,
// plus keys of keyward's own: vaultKeepKeys, tenantOverrides, tenantKeyPrefix (and tenantSAAudience of `vaulttenantsa`).
import * as z from 'zod';
import { defined } from '../decode';
import { exactTrue, goBoolean } from '../go-values';
import { labelName, objectName } from '../names';
import { deletionKeys, deletionOf } from './deletion-policy';
import { translateEnvironment } from './environment';
import { type TenantVaultSettings, tenantOverrideModes, tenantVaultFields } from './tenant-vault-settings';
import { backendOf } from './vault-section';
import { defaultBackendPath } from './vault-settings';

/** What the tenant's own ConfigMap may set, for both types (facts/ceph-csi-kms.md §4.4). */
export const tenantKeys = [
  'vaultAddress',
  'vaultBackend',
  'vaultBackendPath',
  'vaultAuthNamespace',
  'vaultNamespace',
  'vaultDestroyKeys',
  'vaultTLSServerName',
  'vaultCAVerify',
] as const;

/** What only the administrator's map `tenants` may set besides. */
export const administratorKeys = [
  'vaultKeepKeys',
  'vaultCAFromSecret',
  'vaultClientCertFromSecret',
  'vaultClientCertKeyFromSecret',
  'tenantConfigName',
] as const;

/** The keys of both types. Absent and empty mean the same for those that name something, as after a translation. */
export const tenantVaultWire = {
  vaultAddress: tenantVaultFields.address,
  vaultBackend: z.string().describe('"kv" or "kv-v2"; anything else is looked up in sys/mounts').exactOptional(),
  vaultBackendPath: z.string().describe('mount path of the KV engine').exactOptional(),
  vaultDestroyKeys: exactTrue.describe('"true": destroy all versions on delete').exactOptional(),
  vaultKeepKeys: goBoolean.describe('"true": leave the key on delete (keyward)').exactOptional(),
  vaultNamespace: tenantVaultFields.namespace.exactOptional(),
  vaultAuthNamespace: tenantVaultFields.authNamespace.exactOptional(),
  vaultCAVerify: goBoolean.describe('"false": do not check the certificate').exactOptional(),
  vaultTLSServerName: z.string().describe('name to expect in the certificate').exactOptional(),
  vaultCAFromSecret: z.string().describe('Secret with the CA under the key cert').exactOptional(),
  vaultClientCertFromSecret: z
    .string()
    .describe('Secret with the client certificate under the key cert')
    .exactOptional(),
  vaultClientCertKeyFromSecret: z.string().describe('Secret with the client key under the key key').exactOptional(),
  tenantConfigName: objectName.describe("ConfigMap with the tenant's overrides").exactOptional(),
  tenantOverrides: z
    .enum(tenantOverrideModes)
    .describe('"ceph-csi" ignores what ceph-csi documents and its code ignores; "none" honours nothing (keyward)')
    .exactOptional(),
  tenantKeyPrefix: goBoolean.describe('"true": the tenant stands before the volume id (keyward)').exactOptional(),
  tenants: z
    .record(labelName, z.record(z.string(), z.string()))
    .describe('overrides by tenant; the code of ceph-csi ignores it, keyward with tenantOverrides "ceph-csi"')
    .exactOptional(),
} as const;

const wire = z.strictObject(tenantVaultWire);
type Wire = z.output<typeof wire>;

/** The shared part of the settings. */
export function decodeTenantVault(section: Wire): TenantVaultSettings {
  const namespace = section.vaultNamespace ?? '';
  return {
    address: section.vaultAddress,
    backend: backendOf(section.vaultBackend),
    backendPath: section.vaultBackendPath?.trim() || defaultBackendPath,
    deletion: deletionOf(defined(section)),
    namespace,
    authNamespace: section.vaultAuthNamespace || namespace,
    tls: {
      verify: section.vaultCAVerify ?? true,
      ...defined({
        caFromSecret: section.vaultCAFromSecret || undefined,
        clientCertFromSecret: section.vaultClientCertFromSecret || undefined,
        clientCertKeyFromSecret: section.vaultClientCertKeyFromSecret || undefined,
        serverName: section.vaultTLSServerName || undefined,
      }),
    },
    tenantPrefix: section.tenantKeyPrefix ?? false,
    tenantConfigName: section.tenantConfigName ?? 'ceph-csi-kms-config',
    overrides: section.tenantOverrides ?? 'documented',
    tenants: section.tenants ?? {},
  };
}

/** The shared part of the section. Defaults of ceph-csi are written out, those of keyward's own keys are not. */
export function encodeTenantVault(settings: TenantVaultSettings) {
  const { backend, namespace, authNamespace, tls, overrides, tenants } = settings;
  return {
    vaultAddress: settings.address,
    ...defined({ vaultBackend: backend === 'detect' ? undefined : backend }),
    vaultBackendPath: settings.backendPath,
    ...deletionKeys(settings.deletion),
    ...defined({ vaultNamespace: namespace || undefined, vaultAuthNamespace: authNamespace || undefined }),
    vaultCAVerify: tls.verify,
    ...defined({
      vaultCAFromSecret: tls.caFromSecret,
      vaultClientCertFromSecret: tls.clientCertFromSecret,
      vaultClientCertKeyFromSecret: tls.clientCertKeyFromSecret,
      vaultTLSServerName: tls.serverName,
      tenantKeyPrefix: settings.tenantPrefix || undefined,
      tenantOverrides: overrides === 'documented' ? undefined : overrides,
      tenants: Object.keys(tenants).length === 0 ? undefined : tenants,
    }),
    tenantConfigName: settings.tenantConfigName,
  };
}

/** The camelCase section, whichever spelling was given. ceph-csi translates whenever KMS_PROVIDER is present. */
export function camelCase(section: unknown, subject: string): unknown {
  const isEnvironment = typeof section === 'object' && section !== null && Object.hasOwn(section, 'KMS_PROVIDER');
  return isEnvironment ? translateEnvironment(section as Readonly<Record<string, unknown>>, subject) : section;
}
