// KMS type `vaulttenantsa`: the driver logs in to Vault as a ServiceAccount of the volume's tenant.
import * as z from 'zod';
import { decodeWith, defined, encodeWith } from '../decode';
import { objectName } from '../names';
import type { KmsTypeDefinition } from './definition';
import { overridden, refuseOddTenants, type TenantType, tenantOptions, tenantSources } from './tenant-overrides';
import { camelCase, decodeTenantVault, encodeTenantVault, tenantVaultWire } from './tenant-vault-section';
import {
  loginWhereTheKeysAre,
  settleTenantVault,
  type TenantVaultProps,
  type TenantVaultSettings,
  tenantVaultShape,
} from './tenant-vault-settings';
import { authPath } from './vault-section';
import { vaultFields } from './vault-settings';

/** Settings of a `vaulttenantsa` KMS. */
export interface VaultTenantSaKmsSettings extends TenantVaultSettings {
  /** The type. */
  readonly type: 'vaulttenantsa';
  /** ServiceAccount in the tenant's namespace. */
  readonly tenantSAName: string;
  /** Mount of the Kubernetes auth method. */
  readonly mountPath: string;
  /** Role of the Kubernetes auth method. */
  readonly role: string;
  /** Audience of the token that is shown to Vault; absent: the one of the API server, as in ceph-csi. */
  readonly audience?: string;
}

/** A `vaulttenantsa` KMS as a declaration writes it. */
export interface VaultTenantSaKmsProps extends TenantVaultProps {
  /** The type. */
  readonly type: 'vaulttenantsa';
  /**
   * ServiceAccount in the tenant's namespace.
   * @default ceph-csi-vault-sa
   */
  readonly tenantSAName?: string;
  /**
   * Mount of the Kubernetes auth method.
   * @default kubernetes
   */
  readonly mountPath?: string;
  /**
   * Role of the Kubernetes auth method.
   * @default csi-kubernetes
   */
  readonly role?: string;
  /**
   * Audience of the token that is shown to Vault. Must equal the audience of the role.
   * @default - the audience of the API server
   */
  readonly audience?: string;
}

const defaults = { tenantSAName: 'ceph-csi-vault-sa', mountPath: 'kubernetes', role: 'csi-kubernetes' } as const;

/** What the tenant's ConfigMap may set for this type besides. */
const ownTenantKeys = ['tenantSAName', 'vaultAuthPath', 'vaultRole'] as const;

const role = vaultFields.role.refine((text) => /^\w([\w.-]{0,254}\w)?$/.test(text), {
  error: 'is not a name of a role: letters, digits, "_", "-" and "."',
});
const mountPath = vaultFields.mountPath.refine(
  (path) => path.length <= 256 && !/(^|\/)\.\.?(\/|$)|[^\x21-\x7e]/.test(path),
  {
    error: 'is not a plain path',
  },
);
const audience = z.string().refine((text) => /^[\x21-\x7e]{1,256}$/.test(text), {
  error: 'is not an audience: 1 to 256 visible characters',
});

const settings = z
  .strictObject({
    type: z.literal('vaulttenantsa'),
    ...tenantVaultShape,
    tenantSAName: objectName,
    mountPath,
    role,
    audience: audience.exactOptional(),
  })
  .refine(loginWhereTheKeysAre.test, loginWhereTheKeysAre);

const wire = z.strictObject({
  encryptionKMSType: z.literal('vaulttenantsa'),
  ...tenantVaultWire,
  tenantSAName: objectName.describe("ServiceAccount in the tenant's namespace").exactOptional(),
  tenantSAAudience: audience.describe('audience of its token (keyward)').exactOptional(),
  vaultAuthPath: authPath.exactOptional(),
  vaultRole: role.exactOptional(),
});

const section = z.codec(wire, settings, {
  decode: ({ encryptionKMSType: type, tenantSAName, tenantSAAudience, vaultAuthPath, vaultRole, ...rest }) => ({
    type,
    ...decodeTenantVault(defined(rest)),
    tenantSAName: tenantSAName ?? defaults.tenantSAName,
    mountPath: vaultAuthPath ?? defaults.mountPath,
    role: vaultRole ?? defaults.role,
    ...defined({ audience: tenantSAAudience }),
  }),
  encode: ({ type, tenantSAName, mountPath: vaultAuthPath, role: vaultRole, audience: tenantSAAudience, ...rest }) => ({
    encryptionKMSType: type,
    ...encodeTenantVault(rest),
    tenantSAName,
    vaultAuthPath,
    vaultRole,
    ...defined({ tenantSAAudience }),
  }),
});

const type: TenantType<VaultTenantSaKmsSettings> = {
  encode: (value) => encodeWith(section, value, 'a vaulttenantsa KMS'),
  decode: (given, subject) => decodeWith(section, given, subject),
  tenantKeys: ownTenantKeys,
  administratorKeys: ['tenantSAAudience'],
};

/** The `vaulttenantsa` type. */
export const vaultTenantSaKms: KmsTypeDefinition<VaultTenantSaKmsSettings, VaultTenantSaKmsProps> = {
  type: 'vaulttenantsa',
  family: 'stores',
  docs: 'HashiCorp Vault or OpenBao keeps each volume key; the driver logs in as a ServiceAccount of the volume’s tenant.',
  options: tenantOptions(wire.shape, ownTenantKeys),
  settle: ({ type: name, tenantSAName, mountPath, role, audience, ...props }, subject) => {
    const own = { ...defaults, ...defined({ tenantSAName, mountPath, role, audience }) };
    const settled = decodeWith(settings, { type: name, ...settleTenantVault(props, subject), ...own }, subject);
    refuseOddTenants(type, settled, subject);
    return settled;
  },
  section: {
    decode: (given, subject) => {
      const decoded = type.decode(camelCase(given, subject), subject);
      refuseOddTenants(type, decoded, subject);
      return decoded;
    },
    encode: type.encode,
  },
  forTenant: (value, tenant, config) => overridden(type, value, tenant, config),
  secrets: (value) => [
    { from: 'token-request', serviceAccount: value.tenantSAName, ...defined({ audience: value.audience }) },
    ...tenantSources(value),
  ],
};
