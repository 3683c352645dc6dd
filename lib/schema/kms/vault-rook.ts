// The `vault` KMS in Rook's spelling: `spec.security.kms.connectionDetails` of a CephCluster, beside the names of the
// Secrets that Rook itself mounts. What Rook cannot say (prefix, soft delete, a second namespace) is refused on encode.
import * as z from 'zod';
import { decodeWith, defined, encodeWith } from '../decode';
import { goBoolean } from '../go-values';
import { objectName, serviceAccountTokenFile } from '../names';
import type { IssueParams } from '../zod-issues';
import { defaultBackendPath, type VaultKmsSettings, vaultFields, vaultSettings } from './vault-settings';

/** Where Rook's pods find the files that the operator mounts. */
export const rookFiles = { ca: '/etc/vault/vault.ca', token: '/etc/vault/vault.token' } as const;

/** The `security.kms` block of a CephCluster for Vault. */
export interface RookVaultKms {
  /** The connection: Rook's names, all values text. */
  readonly connectionDetails: Readonly<Record<string, string>>;
  /** Secret with the token; absent where Rook logs in by its service accounts. */
  readonly tokenSecretName?: string;
}

/** The same as settings, with the Secrets that Rook takes the material from. */
export interface RookVaultConnection {
  /** The connection as settings of the type `vault`. */
  readonly settings: VaultKmsSettings;
  /** Names of the Secrets. */
  readonly secrets: {
    /** Secret with the CA under the key `cert`; goes with `tls.caFile` = `/etc/vault/vault.ca`. */
    readonly ca?: string;
    /** Secret with the client certificate under the key `cert`. */
    readonly clientCert?: string;
    /** Secret with the client key under the key `key`. */
    readonly clientKey?: string;
    /** Secret with the Vault token under the key `token`; goes with the auth method `token`. */
    readonly token?: string;
  };
}

const versions = { v1: 'kv', kv: 'kv', v2: 'kv-v2', 'kv-v2': 'kv-v2' } as const;

const details = z.strictObject({
  KMS_PROVIDER: z.literal('vault').describe('"vault"'),
  VAULT_ADDR: vaultFields.address,
  VAULT_BACKEND: z.enum(['v1', 'v2', 'kv', 'kv-v2']).describe('version of the KV engine').exactOptional(),
  VAULT_BACKEND_PATH: vaultFields.backendPath.exactOptional(),
  VAULT_SECRET_ENGINE: z.literal('kv').describe('"kv"; "transit" is for object stores only').exactOptional(),
  VAULT_NAMESPACE: vaultFields.namespace.exactOptional(),
  VAULT_AUTH_METHOD: z.enum(['token', 'kubernetes']).describe('how to log in').exactOptional(),
  VAULT_AUTH_KUBERNETES_ROLE: vaultFields.role.exactOptional(),
  VAULT_AUTH_MOUNT_PATH: vaultFields.mountPath.exactOptional(),
  VAULT_CACERT: objectName.describe('Secret with the CA under the key cert').exactOptional(),
  VAULT_CLIENT_CERT: objectName.describe('Secret with the client certificate under the key cert').exactOptional(),
  VAULT_CLIENT_KEY: objectName.describe('Secret with the client key under the key key').exactOptional(),
  VAULT_SKIP_VERIFY: goBoolean.describe('"true": do not check the certificate').exactOptional(),
  VAULT_TLS_SERVER_NAME: vaultFields.serverName.exactOptional(),
});

const rookKms = z
  .strictObject({ connectionDetails: details, tokenSecretName: objectName.exactOptional() })
  .refine(
    ({ connectionDetails: { VAULT_AUTH_METHOD: method, VAULT_AUTH_KUBERNETES_ROLE: role } }) =>
      method !== 'kubernetes' || role !== undefined,
    {
      error: 'is missing',
      path: ['connectionDetails', 'VAULT_AUTH_KUBERNETES_ROLE'],
      params: { remedy: 'add the role that the auth method kubernetes logs in as' } satisfies IssueParams,
    },
  )
  .refine(
    ({ connectionDetails: { VAULT_AUTH_METHOD: method }, tokenSecretName }) =>
      method === 'kubernetes' || tokenSecretName !== undefined,
    {
      error: 'is missing',
      path: ['tokenSecretName'],
      params: {
        remedy: 'add the Secret with the token, or set VAULT_AUTH_METHOD to "kubernetes"',
      } satisfies IssueParams,
    },
  );

const connection = z
  .strictObject({
    settings: vaultSettings,
    secrets: z.strictObject({
      ca: objectName.exactOptional(),
      clientCert: objectName.exactOptional(),
      clientKey: objectName.exactOptional(),
      token: objectName.exactOptional(),
    }),
  })
  .check(({ value, issues }) => {
    for (const [key, remedy] of inexpressible(value)) {
      const params: IssueParams = { remedy };
      issues.push({
        code: 'custom',
        input: undefined,
        path: key.split('.'),
        message: 'cannot be said to Rook',
        params,
      });
    }
  });

const rookVault = z.codec(rookKms, connection, {
  decode: ({ connectionDetails: it, tokenSecretName }) => {
    const namespace = it.VAULT_NAMESPACE ?? '';
    const kubernetes = it.VAULT_AUTH_METHOD === 'kubernetes';
    return {
      settings: {
        type: 'vault' as const,
        address: it.VAULT_ADDR,
        backend: it.VAULT_BACKEND === undefined ? ('detect' as const) : versions[it.VAULT_BACKEND],
        backendPath: it.VAULT_BACKEND_PATH ?? defaultBackendPath,
        passphrasePath: '',
        deletion: 'destroy' as const,
        namespace,
        authNamespace: namespace,
        tls: {
          verify: !(it.VAULT_SKIP_VERIFY ?? false),
          ...defined({ caFile: it.VAULT_CACERT && rookFiles.ca, serverName: it.VAULT_TLS_SERVER_NAME }),
        },
        auth: kubernetes
          ? {
              method: 'kubernetes' as const,
              mountPath: it.VAULT_AUTH_MOUNT_PATH ?? 'kubernetes',
              role: it.VAULT_AUTH_KUBERNETES_ROLE ?? '',
              tokenFile: serviceAccountTokenFile,
            }
          : { method: 'token' as const, tokenFile: rookFiles.token },
      },
      secrets: defined({
        ca: it.VAULT_CACERT,
        clientCert: it.VAULT_CLIENT_CERT,
        clientKey: it.VAULT_CLIENT_KEY,
        token: kubernetes ? undefined : tokenSecretName,
      }),
    };
  },
  encode: ({ settings: { address, backend, backendPath, namespace, tls, auth }, secrets }) => ({
    connectionDetails: {
      KMS_PROVIDER: 'vault' as const,
      VAULT_ADDR: address,
      ...defined({ VAULT_BACKEND: { kv: 'v1' as const, 'kv-v2': 'v2' as const, detect: undefined }[backend] }),
      VAULT_BACKEND_PATH: backendPath,
      VAULT_SECRET_ENGINE: 'kv' as const,
      ...defined({ VAULT_NAMESPACE: namespace || undefined }),
      VAULT_AUTH_METHOD: auth.method,
      ...(auth.method === 'kubernetes' && {
        VAULT_AUTH_KUBERNETES_ROLE: auth.role,
        VAULT_AUTH_MOUNT_PATH: auth.mountPath,
      }),
      ...defined({
        VAULT_CACERT: secrets.ca,
        VAULT_CLIENT_CERT: secrets.clientCert,
        VAULT_CLIENT_KEY: secrets.clientKey,
        VAULT_SKIP_VERIFY: tls.verify ? undefined : true,
        VAULT_TLS_SERVER_NAME: tls.serverName,
      }),
    },
    ...defined({ tokenSecretName: secrets.token }),
  }),
});

/** Reads the `security.kms` block of a CephCluster. */
export function decodeRookVault(kms: unknown): RookVaultConnection {
  return decodeWith(rookVault, kms, 'security.kms of the CephCluster');
}

/** Writes the `security.kms` block of a CephCluster. Throws a SchemaError for settings that Rook has no word for. */
export function encodeRookVault(value: RookVaultConnection): RookVaultKms {
  return encodeWith(rookVault, value, 'security.kms of the CephCluster') as RookVaultKms;
}

function* inexpressible({
  settings,
  secrets,
}: RookVaultConnection): Generator<readonly [path: string, remedy: string]> {
  const { auth, tls } = settings;
  if (settings.passphrasePath !== '')
    yield ['settings.passphrasePath', 'leave it empty and mount a KV engine for Rook alone'];
  if (settings.deletion !== 'destroy') yield ['settings.deletion', 'set it to "destroy": Rook destroys all versions'];
  if (settings.authNamespace !== settings.namespace)
    yield ['settings.authNamespace', 'use one namespace for login and keys'];
  if (tls.caFromSecret !== undefined) yield ['settings.tls.caFromSecret', 'name the Secret in secrets.ca'];
  if (tls.caFile !== (secrets.ca && rookFiles.ca))
    yield ['settings.tls.caFile', `give ${rookFiles.ca} with secrets.ca, or neither`];
  const tokenFile = auth.method === 'token' ? rookFiles.token : serviceAccountTokenFile;
  if (auth.tokenFile !== tokenFile) yield ['settings.auth.tokenFile', `use ${tokenFile}, where Rook mounts it`];
  if ((auth.method === 'token') !== (secrets.token !== undefined))
    yield ['secrets.token', 'give it with the auth method token, and only then'];
}
