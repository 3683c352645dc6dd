// KMS type `vaulttokens`: a Secret in each tenant's namespace holds the tenant's own Vault token.
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

/** Settings of a `vaulttokens` KMS. */
export interface VaultTokensKmsSettings extends TenantVaultSettings {
  /** The type. */
  readonly type: 'vaulttokens';
  /** Secret in the tenant's namespace with the token under the key `token`. */
  readonly tenantTokenName: string;
}

/** A `vaulttokens` KMS as a declaration writes it. */
export interface VaultTokensKmsProps extends TenantVaultProps {
  /** The type. */
  readonly type: 'vaulttokens';
  /**
   * Secret in the tenant's namespace with the token under the key `token`.
   * @default ceph-csi-kms-token
   */
  readonly tenantTokenName?: string;
}

/** The key of a tenant's Secret that holds the token. */
export const tenantTokenKey = 'token';

const defaultTokenName = 'ceph-csi-kms-token';

const settings = z
  .strictObject({ type: z.literal('vaulttokens'), ...tenantVaultShape, tenantTokenName: objectName })
  .refine(loginWhereTheKeysAre.test, loginWhereTheKeysAre);

const wire = z.strictObject({
  encryptionKMSType: z.literal('vaulttokens'),
  ...tenantVaultWire,
  tenantTokenName: objectName.describe("Secret with the tenant's token under the key token").exactOptional(),
});

const section = z.codec(wire, settings, {
  decode: ({ encryptionKMSType: type, tenantTokenName, ...rest }) => ({
    type,
    ...decodeTenantVault(defined(rest)),
    tenantTokenName: tenantTokenName ?? defaultTokenName,
  }),
  encode: ({ type, tenantTokenName, ...rest }) => ({
    encryptionKMSType: type,
    ...encodeTenantVault(rest),
    tenantTokenName,
  }),
});

const type: TenantType<VaultTokensKmsSettings> = {
  encode: (value) => encodeWith(section, value, 'a vaulttokens KMS'),
  decode: (given, subject) => decodeWith(section, given, subject),
  tenantKeys: [],
  administratorKeys: ['tenantTokenName'],
};

/** The `vaulttokens` type. */
export const vaultTokensKms: KmsTypeDefinition<VaultTokensKmsSettings, VaultTokensKmsProps> = {
  type: 'vaulttokens',
  family: 'stores',
  docs: 'HashiCorp Vault or OpenBao keeps each volume key; the driver comes with the token of the volume’s tenant.',
  options: tenantOptions(wire.shape, []),
  settle: ({ type: name, tenantTokenName = defaultTokenName, ...props }, subject) => {
    const own = { type: name, tenantTokenName };
    const settled = decodeWith(settings, { ...settleTenantVault(props, subject), ...own }, subject);
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
  secrets: (value) => [{ from: 'secret', name: value.tenantTokenName, key: tenantTokenKey }, ...tenantSources(value)],
};
