// `spec.security.kms` of a CephCluster for every provider that Rook has (facts/rook-kms.md §3 to §6): key names, text
// numbers, and the Secrets that its operator reads, each with the data keys that it must have.
import * as z from 'zod';
import { decodeWith, defined } from '../decode';
import { SchemaError } from '../schema-error';
import { cephCsiBackend, type VersionedKv } from './kv-version';
import { decodeRookService, encodeRookService, type RookService } from './rook-services';
import { decodeRookVault, encodeRookVault, type RookVaultKms, rookFiles } from './vault-rook';
import { settleVault, type VaultKmsSettings } from './vault-settings';

/** The block `kms` as a manifest has it. All values are text. */
export type RookKmsBlock = RookVaultKms;

/** A KV engine that holds the keys. The version is that of the mount: Rook says `v1` and `v2` where ceph-csi says `kv` and `kv-v2`. */
export interface RookKv extends VersionedKv {
  /** Mount path, for Rook alone: its entries have no prefix. */
  readonly path: string;
}

/** How the certificate of Vault is checked. */
export interface RookVaultTls {
  /**
   * False turns the check off, for clusters that hold nothing of worth.
   * @default true
   */
  readonly verify?: boolean;
  /**
   * Name to expect in the certificate, when it is not the host of the address.
   * @default - the host of the address
   */
  readonly serverName?: string;
}

/** Names of the Secrets of a Vault connection. */
export interface RookVaultSecrets {
  /**
   * Secret with the token under the key `token`; with the auth method `token`.
   * @default - none
   */
  readonly token?: string;
  /**
   * Secret with the CA under the key `cert`.
   * @default - none: the CAs of the system
   */
  readonly ca?: string;
  /**
   * Secret with the client certificate under the key `cert`.
   * @default - none
   */
  readonly clientCert?: string;
  /**
   * Secret with the key of that certificate under the key `key`.
   * @default - none
   */
  readonly clientKey?: string;
}

/** The keys of OSDs in a KV engine of Vault or OpenBao. */
export interface RookVault {
  /** The provider. */
  readonly provider: 'vault';
  /** `http(s)://host:port` of Vault or OpenBao. */
  readonly address: string;
  /** The engine that holds the keys. */
  readonly kv: RookKv;
  /** How Rook logs in: with the token of a Secret, or by its service accounts. */
  readonly auth:
    | { readonly method: 'token' }
    | { readonly method: 'kubernetes'; readonly role: string; readonly mountPath?: string };
  /**
   * Namespace of the engine and of the login.
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

/** A KMS connection of Rook, discriminated by `provider`. */
export type RookConnection = RookVault | RookService;

/** The data keys that Rook's operator wants in the Secrets of a Vault connection, none of them empty. */
export const rookVaultSecretKeys = {
  token: ['token'],
  ca: ['cert'],
  clientCert: ['cert'],
  clientKey: ['key'],
} as const satisfies Record<keyof RookVaultSecrets, readonly string[]>;

/** Providers whose keys Rook can replace (`keyRotation`); with others its job fails half way. */
export const rookRotates: readonly RookConnection['provider'][] = ['vault'];

/** Writes the block. Throws a SchemaError. */
export function encodeRookKms(connection: RookConnection, subject: string): RookKmsBlock {
  if (connection.provider !== 'vault') return encodeRookService(connection, subject);
  const { secrets } = connection;
  return encodeRookVault({ settings: vaultSettingsOf(connection, subject), secrets: { ...secrets } });
}

const anyBlock = z.looseObject({ connectionDetails: z.looseObject({ KMS_PROVIDER: z.string() }) });

/** Reads the block. Throws a SchemaError, also for a Vault connection that leaves the version to be detected (trap 3). */
export function decodeRookKms(block: unknown): RookConnection {
  const subject = 'security.kms of the CephCluster';
  const { KMS_PROVIDER: provider } = decodeWith(anyBlock, block, subject).connectionDetails;
  if (provider !== 'vault') return decodeRookService(block, subject);
  const { settings, secrets } = decodeRookVault(block);
  const { address, backend, backendPath, namespace, tls, auth } = settings;
  if (backend === 'detect') {
    const message = 'is missing, so the version would be looked up at each start';
    throw new SchemaError(subject, [
      { path: 'connectionDetails.VAULT_BACKEND', message, allowed: ['v1', 'v2'], remedy: 'write that of the mount' },
    ]);
  }
  return {
    provider: 'vault',
    address,
    kv: { path: backendPath, version: backend === 'kv-v2' ? 2 : 1 },
    auth:
      auth.method === 'token'
        ? { method: 'token' }
        : { method: 'kubernetes', role: auth.role, mountPath: auth.mountPath },
    ...defined({ namespace: namespace || undefined }),
    tls: { verify: tls.verify, ...defined({ serverName: tls.serverName }) },
    secrets,
  };
}

function vaultSettingsOf({ address, kv, auth, namespace, tls, secrets }: RookVault, subject: string): VaultKmsSettings {
  return settleVault(
    {
      type: 'vault',
      address,
      backend: cephCsiBackend(kv),
      backendPath: kv.path,
      auth: auth.method === 'token' ? { method: 'token', tokenFile: rookFiles.token } : auth,
      ...defined({ namespace }),
      tls: { ...defined(tls ?? {}), ...(secrets.ca !== undefined && { caFile: rookFiles.ca }) },
    },
    subject,
  );
}
