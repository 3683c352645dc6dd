// Rook's connections to IBM Key Protect, KMIP servers and Azure Key Vault. Its keys differ from ceph-csi's: timeouts of KMIP
// are text, and no key names a root key, since Rook has one object for each OSD.
import * as z from 'zod';
import { decodeWith, defined, encodeWith } from '../decode';
import { unsignedInteger } from '../go-values';
import { objectName } from '../names';
import { filledText, serviceUrl } from './service-fields';
import type { RookVaultKms } from './vault-rook';

/** Each key is a standard key of IBM Key Protect. */
export interface RookIbmKeyProtect {
  /** The provider. */
  readonly provider: 'ibmkeyprotect';
  /** Id of the service instance. */
  readonly serviceInstanceId: string;
  /**
   * URL of the service.
   * @default - the public one
   */
  readonly baseUrl?: string;
  /**
   * URL that exchanges the API key for a token.
   * @default - the public one
   */
  readonly tokenUrl?: string;
  /** Name of the Secret with the API key. */
  readonly secrets: { readonly token: string };
}

/** Each key is a symmetric key of a KMIP 1.4 server. */
export interface RookKmip {
  /** The provider. */
  readonly provider: 'kmip';
  /** `host:port` of the server. */
  readonly endpoint: string;
  /**
   * Name to expect in the certificate of the server.
   * @default - the host of the endpoint
   */
  readonly serverName?: string;
  /**
   * Deadline of a read, 0 to 255 seconds.
   * @default - Rook's own
   */
  readonly readTimeoutSeconds?: number;
  /**
   * Deadline of a write, 0 to 255 seconds.
   * @default - Rook's own
   */
  readonly writeTimeoutSeconds?: number;
  /** Name of the Secret with the CA, the client certificate and its key. */
  readonly secrets: { readonly token: string };
}

/** Each key is a secret of an Azure Key Vault. */
export interface RookAzureKv {
  /** The provider. */
  readonly provider: 'azure-kv';
  /** URL of the Key Vault. */
  readonly vaultUrl: string;
  /** Id of the application that logs in. */
  readonly clientId: string;
  /** Id of the Entra tenant. */
  readonly tenantId: string;
  /** Name of the Secret with the certificate of the application. */
  readonly secrets: { readonly certificate: string };
}

/** A connection that is not Vault. */
export type RookService = RookIbmKeyProtect | RookKmip | RookAzureKv;

/** The data keys that Rook's operator wants in the one Secret of each provider. */
export const rookServiceSecretKeys = {
  ibmkeyprotect: ['IBM_KP_SERVICE_API_KEY'],
  kmip: ['CA_CERT', 'CLIENT_CERT', 'CLIENT_KEY'],
  'azure-kv': ['CLIENT_CERT'],
} as const satisfies Record<RookService['provider'], readonly string[]>;

const token = z.strictObject({ token: objectName });
const endpoint = z.string().regex(/^(?:[-.\w]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/, { error: 'is not "host:port"' });
const timeout = z.int().min(0).max(255);
const text = filledText;

const ibm = z.codec(
  z.strictObject({
    connectionDetails: z.strictObject({
      KMS_PROVIDER: z.literal('ibmkeyprotect'),
      IBM_KP_SERVICE_INSTANCE_ID: text,
      IBM_KP_BASE_URL: serviceUrl.exactOptional(),
      IBM_KP_TOKEN_URL: serviceUrl.exactOptional(),
    }),
    tokenSecretName: objectName,
  }),
  z.strictObject({
    provider: z.literal('ibmkeyprotect'),
    serviceInstanceId: text,
    baseUrl: serviceUrl.exactOptional(),
    tokenUrl: serviceUrl.exactOptional(),
    secrets: token,
  }),
  {
    decode: ({ connectionDetails: it, tokenSecretName }) => ({
      provider: it.KMS_PROVIDER,
      serviceInstanceId: it.IBM_KP_SERVICE_INSTANCE_ID,
      ...defined({ baseUrl: it.IBM_KP_BASE_URL, tokenUrl: it.IBM_KP_TOKEN_URL }),
      secrets: { token: tokenSecretName },
    }),
    encode: ({ provider, serviceInstanceId, baseUrl, tokenUrl, secrets }) => ({
      connectionDetails: {
        KMS_PROVIDER: provider,
        IBM_KP_SERVICE_INSTANCE_ID: serviceInstanceId,
        ...defined({ IBM_KP_BASE_URL: baseUrl, IBM_KP_TOKEN_URL: tokenUrl }),
      },
      tokenSecretName: secrets.token,
    }),
  },
);

const kmip = z.codec(
  z.strictObject({
    connectionDetails: z.strictObject({
      KMS_PROVIDER: z.literal('kmip'),
      KMIP_ENDPOINT: endpoint,
      TLS_SERVER_NAME: text.exactOptional(),
      READ_TIMEOUT: unsignedInteger.pipe(timeout).exactOptional(),
      WRITE_TIMEOUT: unsignedInteger.pipe(timeout).exactOptional(),
    }),
    tokenSecretName: objectName,
  }),
  z.strictObject({
    provider: z.literal('kmip'),
    endpoint,
    serverName: text.exactOptional(),
    readTimeoutSeconds: timeout.exactOptional(),
    writeTimeoutSeconds: timeout.exactOptional(),
    secrets: token,
  }),
  {
    decode: ({ connectionDetails: it, tokenSecretName }) => ({
      provider: it.KMS_PROVIDER,
      endpoint: it.KMIP_ENDPOINT,
      ...defined({
        serverName: it.TLS_SERVER_NAME,
        readTimeoutSeconds: it.READ_TIMEOUT,
        writeTimeoutSeconds: it.WRITE_TIMEOUT,
      }),
      secrets: { token: tokenSecretName },
    }),
    encode: ({ provider, endpoint: at, serverName, readTimeoutSeconds, writeTimeoutSeconds, secrets }) => ({
      connectionDetails: {
        KMS_PROVIDER: provider,
        KMIP_ENDPOINT: at,
        ...defined({
          TLS_SERVER_NAME: serverName,
          READ_TIMEOUT: readTimeoutSeconds,
          WRITE_TIMEOUT: writeTimeoutSeconds,
        }),
      },
      tokenSecretName: secrets.token,
    }),
  },
);

const azure = z.codec(
  z.strictObject({
    connectionDetails: z.strictObject({
      KMS_PROVIDER: z.literal('azure-kv'),
      AZURE_VAULT_URL: serviceUrl,
      AZURE_CLIENT_ID: text,
      AZURE_TENANT_ID: text,
      AZURE_CERT_SECRET_NAME: objectName,
    }),
  }),
  z.strictObject({
    provider: z.literal('azure-kv'),
    vaultUrl: serviceUrl,
    clientId: text,
    tenantId: text,
    secrets: z.strictObject({ certificate: objectName }),
  }),
  {
    decode: ({ connectionDetails: it }) => ({
      provider: it.KMS_PROVIDER,
      vaultUrl: it.AZURE_VAULT_URL,
      clientId: it.AZURE_CLIENT_ID,
      tenantId: it.AZURE_TENANT_ID,
      secrets: { certificate: it.AZURE_CERT_SECRET_NAME },
    }),
    encode: ({ provider, vaultUrl, clientId, tenantId, secrets }) => ({
      connectionDetails: {
        KMS_PROVIDER: provider,
        AZURE_VAULT_URL: vaultUrl,
        AZURE_CLIENT_ID: clientId,
        AZURE_TENANT_ID: tenantId,
        AZURE_CERT_SECRET_NAME: secrets.certificate,
      },
    }),
  },
);

const codecs = { ibmkeyprotect: ibm, kmip, 'azure-kv': azure } as const;
const provider = z.looseObject({
  connectionDetails: z.looseObject({ KMS_PROVIDER: z.enum(['vault', 'ibmkeyprotect', 'kmip', 'azure-kv']) }),
});

/** Writes the block. Throws a SchemaError. */
export function encodeRookService(connection: RookService, subject: string): RookVaultKms {
  // Each codec takes the member of the union with its own provider; the compiler cannot follow an index into it.
  const codec = codecs[connection.provider] as z.ZodType;
  return encodeWith(codec, defined(connection), subject) as RookVaultKms;
}

/** Reads the block. Throws a SchemaError. */
export function decodeRookService(block: unknown, subject: string): RookService {
  const { KMS_PROVIDER: known } = decodeWith(provider, block, subject).connectionDetails;
  return decodeWith(codecs[known as RookService['provider']] as z.ZodType, block, subject) as RookService;
}
