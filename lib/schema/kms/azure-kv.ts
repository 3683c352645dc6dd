// KMS type `azure-kv`: each volume's key is one secret of an Azure Key Vault.
import * as z from 'zod';
import { decodeWith, defined, encodeWith } from '../decode';
import { objectName } from '../names';
import type { IssueParams } from '../zod-issues';
import type { KmsTypeDefinition } from './definition';
import { selectorKeys } from './selector';
import { credentialSecret, optionsOf, serviceUrl } from './service-fields';

/** Settings of an `azure-kv` KMS. */
export interface AzureKvKmsSettings {
  /** The type. */
  readonly type: 'azure-kv';
  /** `https://NAME.vault.azure.net`. */
  readonly vaultUrl: string;
  /** Application (client) id. */
  readonly clientId: string;
  /** Directory (tenant) id of Microsoft Entra, which is no tenant of the cluster. */
  readonly tenantId: string;
  /** Secret in the namespace of the driver whose one key `CLIENT_CERT` holds certificate and private key as PEM. */
  readonly secretName: string;
  /**
   * Address of Microsoft Entra.
   * @default - that of the cloud which the vault's name belongs to
   */
  readonly authorityHost?: string;
}

/** An `azure-kv` KMS as a declaration writes it. */
export interface AzureKvKmsProps extends Omit<AzureKvKmsSettings, 'secretName'> {
  /**
   * Secret in the namespace of the driver.
   * @default ceph-csi-azure-credentials
   */
  readonly secretName?: string;
}

const defaultSecretName = 'ceph-csi-azure-credentials';

/** The one key of the credential Secret. Any other is an error, as in ceph-csi. */
export const azureCredentialKey = 'CLIENT_CERT';

const identifier = z.string().refine((id) => /^[-.\w]{1,255}$/.test(id), {
  error: 'is not an id',
  params: { remedy: 'write the id alone, e.g. 00000000-0000-0000-0000-000000000000' } satisfies IssueParams,
});

const settings = z.strictObject({
  type: z.literal('azure-kv'),
  vaultUrl: serviceUrl,
  clientId: identifier,
  tenantId: identifier,
  secretName: objectName,
  authorityHost: serviceUrl.exactOptional(),
});

const wire = z.strictObject({
  ...selectorKeys('azure-kv'),
  AZURE_VAULT_URL: serviceUrl.describe('https://NAME.vault.azure.net'),
  AZURE_CLIENT_ID: identifier.describe('id of the application'),
  AZURE_TENANT_ID: identifier.describe('id of the directory (of Microsoft Entra)'),
  AZURE_CERT_SECRET_NAME: credentialSecret(defaultSecretName).exactOptional(),
  // Named as the variable of the Azure SDKs that means the same.
  AZURE_AUTHORITY_HOST: serviceUrl
    .describe('address of Microsoft Entra, when it is not that of the cloud of the vault (keyward)')
    .exactOptional(),
});

const section = z.codec(wire, settings, {
  decode: (it) => ({
    type: 'azure-kv' as const,
    vaultUrl: it.AZURE_VAULT_URL,
    clientId: it.AZURE_CLIENT_ID,
    tenantId: it.AZURE_TENANT_ID,
    secretName: it.AZURE_CERT_SECRET_NAME ?? defaultSecretName,
    ...defined({ authorityHost: it.AZURE_AUTHORITY_HOST }),
  }),
  encode: ({ vaultUrl, clientId, tenantId, secretName, authorityHost }) => ({
    encryptionKMSType: 'azure-kv' as const,
    AZURE_VAULT_URL: vaultUrl,
    AZURE_CLIENT_ID: clientId,
    AZURE_TENANT_ID: tenantId,
    AZURE_CERT_SECRET_NAME: secretName,
    ...defined({ AZURE_AUTHORITY_HOST: authorityHost }),
  }),
});

/** The `azure-kv` type. */
export const azureKvKms: KmsTypeDefinition<AzureKvKmsSettings, AzureKvKmsProps> = {
  type: 'azure-kv',
  family: 'stores',
  docs: 'Azure Key Vault keeps each volume key as a secret; the driver logs in with a client certificate.',
  options: optionsOf(wire),
  settle: (props, subject) => decodeWith(settings, { secretName: defaultSecretName, ...defined(props) }, subject),
  section: {
    decode: (value, subject) => decodeWith(section, value, subject),
    encode: (value) => encodeWith(section, value, 'an azure-kv KMS'),
  },
  secrets: ({ secretName: name }) => [{ from: 'driver-secret', name, key: azureCredentialKey }],
};
