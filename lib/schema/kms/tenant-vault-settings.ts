// What `vaulttokens` and `vaulttenantsa` have in common: one Vault for all tenants, to which each tenant comes as itself.
import * as z from 'zod';
import { defined } from '../decode';
import { labelName, objectName } from '../names';
import { SchemaError } from '../schema-error';
import type { Same } from '../written-type';
import type { IssueParams } from '../zod-issues';
import { type DeletionPolicy, deletionPolicy, refuseEmptyPromise } from './deletion-policy';
import { defaultBackendPath } from './vault-settings';

/**
 * Which overrides count beside the section itself.
 *
 * - `none`: none; the tenant's ConfigMap is not even read
 * - `ceph-csi`: the tenant's ConfigMap, as the code of ceph-csi reads it
 * - `documented`: also what ceph-csi documents and its code ignores: the map `tenants`, and `vaultCAFromSecret` of the tenant.
 *   For keys that ceph-csi has stored under such a section, use `ceph-csi`
 */
export const tenantOverrideModes = ['none', 'ceph-csi', 'documented'] as const;

/** Which overrides count beside the section itself. */
export type TenantOverrideMode = 'none' | 'ceph-csi' | 'documented';

true satisfies Same<TenantOverrideMode, (typeof tenantOverrideModes)[number]>;

/** Overrides of one tenant in ceph-csi's own spelling, e.g. `{ vaultNamespace: 'team-a' }`. */
export type TenantOverrides = Readonly<Record<string, string>>;

/** How the certificate of a tenant's Vault is checked, and the one that is shown. Each name is of a Secret. */
export interface TenantVaultTls {
  /** False accepts any certificate, for servers that hold nothing of worth. */
  readonly verify: boolean;
  /**
   * Secret with the CA under the key `cert`: of the tenant, else of the driver's namespace.
   * @default - the CAs of the system
   */
  readonly caFromSecret?: string;
  /**
   * Secret with the client certificate under the key `cert`: likewise.
   * @default - none
   */
  readonly clientCertFromSecret?: string;
  /**
   * Secret with the client's key under the key `key`: likewise.
   * @default - none
   */
  readonly clientCertKeyFromSecret?: string;
  /**
   * Name to expect in the certificate, when it is not the host of the address.
   * @default - the host of the address
   */
  readonly serverName?: string;
}

/** Settings of both tenant types. */
export interface TenantVaultSettings {
  /** `http(s)://host:port`. */
  readonly address: string;
  /** Version of the KV engine; `detect` asks `sys/mounts`, which the tenant's token must be allowed to read. */
  readonly backend: 'kv' | 'kv-v2' | 'detect';
  /** Mount path of the KV engine. */
  readonly backendPath: string;
  /** What becomes of a key when its volume is deleted. */
  readonly deletion: DeletionPolicy;
  /** Namespace of the keys; empty for the root. */
  readonly namespace: string;
  /** Namespace of the login. */
  readonly authNamespace: string;
  /** How the server's certificate is checked, and the one that is shown. */
  readonly tls: TenantVaultTls;
  /** Whether the tenant stands before the volume id, so that one templated policy keeps all tenants apart. ceph-csi has no such thing. */
  readonly tenantPrefix: boolean;
  /** ConfigMap in the tenant's namespace. */
  readonly tenantConfigName: string;
  /** Which overrides count beside the section itself. */
  readonly overrides: TenantOverrideMode;
  /** Overrides by tenant; they count in the mode `documented` only. */
  readonly tenants: Readonly<Record<string, TenantOverrides>>;
}

/** Both tenant types as a declaration writes them: what has a default may be left out. */
export interface TenantVaultProps {
  /** `https://host:port` of Vault or OpenBao. */
  readonly address: string;
  /**
   * Version of the KV engine.
   * @default kv-v2
   */
  readonly backend?: TenantVaultSettings['backend'];
  /**
   * Mount path of the KV engine.
   * @default secret/
   */
  readonly backendPath?: string;
  /**
   * What becomes of a key when its volume is deleted. KV version 1 cannot do `recoverable`.
   * @default destroy
   */
  readonly deletion?: DeletionPolicy;
  /**
   * Namespace of the keys.
   * @default - the root namespace
   */
  readonly namespace?: string;
  /**
   * Namespace of the login.
   * @default - the namespace of the keys
   */
  readonly authNamespace?: string;
  /**
   * How the server's certificate is checked, and the client certificate that is shown.
   * @default - verified with the CAs of the system, no client certificate
   */
  readonly tls?: Partial<TenantVaultTls>;
  /**
   * Puts the tenant before the volume id in the path of a key. Volumes of ceph-csi are not found with it.
   * @default false
   */
  readonly tenantPrefix?: boolean;
  /**
   * ConfigMap in the tenant's namespace with its overrides.
   * @default ceph-csi-kms-config
   */
  readonly tenantConfigName?: string;
  /**
   * Which overrides count.
   * @default documented
   */
  readonly overrides?: TenantOverrideMode;
  /**
   * Overrides by tenant, in ceph-csi's spelling. Needs the mode `documented`.
   * @default - none
   */
  readonly tenants?: Readonly<Record<string, TenantOverrides>>;
}

const params = (remedy: string) => ({ params: { remedy } satisfies IssueParams });
const trimmed = z.string().overwrite((text) => text.trim());

/** Segments that a path of Vault can have. A tenant may write it: nothing that a server would resolve, cut or take as a header's end. */
const isPlainPath = (path: string) =>
  /^[\x21-\x7e]*$/.test(path) &&
  !/[?#%\\]/.test(path) &&
  !path.split('/').some((part) => part === '.' || part === '..');

const vaultPath = trimmed.refine(isPlainPath, {
  error: 'is not a plain path',
  ...params('use visible ASCII without "?", "#", "%", "\\" and without the segments "." and ".."'),
});

/** Fields of both types, stricter than those of `vault` where a tenant may write them. */
export const tenantVaultFields = {
  address: trimmed
    .refine((text) => /^https?:\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?(\/[^?#\s\\]*)?$/.test(text), {
      error: 'is not http:// or https:// and a host',
      ...params('write https://host:port'),
    })
    .describe('https://host:port of Vault or OpenBao'),
  backendPath: vaultPath
    .refine((path) => path.split('/').some((part) => part !== ''), {
      error: 'is empty',
      ...params('write the mount path of the KV engine'),
    })
    .describe('mount path of the KV engine'),
  namespace: vaultPath.describe('namespace of the keys'),
  authNamespace: vaultPath.describe('namespace of the login'),
  serverName: trimmed
    .refine((name) => /^[A-Za-z0-9]([A-Za-z0-9.:_-]{0,252})$/.test(name), {
      error: 'is not a host name',
      ...params('write the name in the certificate'),
    })
    .describe('name to expect in the certificate'),
  secret: objectName,
} as const;

/** The settings of both types as a part of a schema. */
export const tenantVaultShape = {
  address: tenantVaultFields.address,
  backend: z.enum(['kv', 'kv-v2', 'detect']),
  backendPath: tenantVaultFields.backendPath,
  deletion: deletionPolicy,
  namespace: tenantVaultFields.namespace,
  authNamespace: tenantVaultFields.authNamespace,
  tls: z
    .strictObject({
      verify: z.boolean(),
      caFromSecret: objectName.exactOptional(),
      clientCertFromSecret: objectName.exactOptional(),
      clientCertKeyFromSecret: objectName.exactOptional(),
      serverName: tenantVaultFields.serverName.exactOptional(),
    })
    .refine(
      ({ clientCertFromSecret: cert, clientCertKeyFromSecret: key }) => (cert === undefined) === (key === undefined),
      {
        error: 'has half of a client certificate',
        ...params('name the Secret of the certificate and the one of its key'),
      },
    ),
  tenantPrefix: z.boolean(),
  tenantConfigName: objectName,
  overrides: z.enum(tenantOverrideModes),
  tenants: z.record(labelName, z.record(z.string(), z.string())),
} as const;

/** As for `vault`: an empty login namespace cannot be said, since it means "the same". */
export const loginWhereTheKeysAre = {
  test: ({ namespace, authNamespace }: Pick<TenantVaultSettings, 'namespace' | 'authNamespace'>) =>
    authNamespace !== '' || namespace === '',
  error: 'is the root while the keys are in a namespace',
  path: ['authNamespace'],
  ...params('an empty login namespace means "the same": log in where the keys are'),
};

/** Fills the defaults that both types share, and refuses a declaration that would silently do less than it says. */
export function settleTenantVault(props: TenantVaultProps, subject: string): TenantVaultSettings {
  const { namespace = '', authNamespace, tls, tenants = {}, ...rest } = props;
  const settled = {
    backend: 'kv-v2' as const,
    backendPath: defaultBackendPath,
    deletion: 'destroy' as const,
    tenantPrefix: false,
    tenantConfigName: 'ceph-csi-kms-config',
    overrides: 'documented' as const,
    ...defined(rest),
    namespace,
    authNamespace: authNamespace || namespace,
    tls: { verify: true, ...defined(tls ?? {}) },
    tenants,
  };
  refuseEmptyPromise(settled, subject);
  if (Object.keys(tenants).length > 0 && settled.overrides !== 'documented') {
    throw new SchemaError(subject, [
      {
        path: 'tenants',
        message: `does not count with overrides "${settled.overrides}": the code of ceph-csi ignores it`,
        remedy: 'leave overrides out, and know that ceph-csi would look for the keys elsewhere',
      },
    ]);
  }
  return settled;
}
