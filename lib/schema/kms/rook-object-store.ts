// `spec.security` of a CephObjectStore: server-side encryption by RGW, with Vault only (facts/rook-kms.md §9).
import * as z from 'zod';
import { decodeWith, defined } from '../decode';
import { objectName } from '../names';
import type { IssueParams } from '../zod-issues';
import type { RookKmsBlock, RookVaultSecrets, RookVaultTls } from './rook';
import { vaultFields } from './vault-settings';

/** Who decides which key encrypts an object: the client names one (`kms`), or RGW has one for each bucket (`s3`). */
export type RookObjectStoreUse = 'kms' | 's3';

/** A Vault for RGW. */
export interface RookObjectStoreVault {
  /** `http(s)://host:port` of Vault or OpenBao, or of the agent. */
  readonly address: string;
  /** The engine: transit at its usual path `transit`, or, for `kms` only, a KV engine of version 2. */
  readonly engine: { readonly type: 'transit' } | { readonly type: 'kv'; readonly path: string; readonly version: 2 };
  /** How RGW logs in: with the token of a Secret, or through a Vault agent at the address, which has its own. */
  readonly auth: 'token' | 'agent';
  /**
   * Namespace of the engine.
   * @default - the root namespace
   */
  readonly namespace?: string;
  /**
   * How the certificate of the server is checked.
   * @default - verified with the CAs of the system
   */
  readonly tls?: RookVaultTls;
  /** Names of the Secrets. */
  readonly secrets: RookVaultSecrets;
}

const block = z
  .strictObject({
    use: z.enum(['kms', 's3']),
    address: vaultFields.address,
    engine: z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('transit') }),
      z.strictObject({ type: z.literal('kv'), path: vaultFields.backendPath, version: z.literal(2) }),
    ]),
    auth: z.enum(['token', 'agent']),
    namespace: vaultFields.namespace.exactOptional(),
    tls: z
      .strictObject({ verify: z.boolean().exactOptional(), serverName: vaultFields.serverName.exactOptional() })
      .exactOptional(),
    secrets: z.strictObject({
      token: objectName.exactOptional(),
      ca: objectName.exactOptional(),
      clientCert: objectName.exactOptional(),
      clientKey: objectName.exactOptional(),
    }),
  })
  .refine(({ use, engine }) => use === 'kms' || engine.type === 'transit', {
    error: 'is not transit, and SSE-S3 has no other',
    path: ['engine'],
    params: { remedy: 'use transit, or the block kms' } satisfies IssueParams,
  })
  .refine(({ auth, secrets }) => (auth === 'token') === (secrets.token !== undefined), {
    error: 'goes with the auth method token, and only with it',
    path: ['secrets', 'token'],
    params: { remedy: 'give the Secret with the token for "token"; leave it out for "agent"' } satisfies IssueParams,
  });

/** Writes one block of the store. Throws a SchemaError. */
export function encodeRookObjectStore(
  use: RookObjectStoreUse,
  vault: RookObjectStoreVault,
  subject: string,
): RookKmsBlock {
  const it = decodeWith(block, { use, ...vault, secrets: defined(vault.secrets) }, subject);
  const { engine, secrets } = it;
  return {
    connectionDetails: {
      KMS_PROVIDER: 'vault',
      VAULT_ADDR: it.address,
      VAULT_SECRET_ENGINE: engine.type,
      ...(engine.type === 'kv' && { VAULT_BACKEND: 'v2', VAULT_BACKEND_PATH: engine.path }),
      VAULT_AUTH_METHOD: it.auth,
      ...defined({
        VAULT_NAMESPACE: it.namespace || undefined,
        VAULT_CACERT: secrets.ca,
        VAULT_CLIENT_CERT: secrets.clientCert,
        VAULT_CLIENT_KEY: secrets.clientKey,
        VAULT_SKIP_VERIFY: it.tls?.verify === false ? 'true' : undefined,
        VAULT_TLS_SERVER_NAME: it.tls?.serverName,
      }),
    },
    ...defined({ tokenSecretName: secrets.token }),
  };
}
