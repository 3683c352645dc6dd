/** What the two tenant types read of a tenant in Kubernetes beside its credential: overrides and TLS material. */
import { createHash } from 'node:crypto';
import {
  configNameFor,
  tlsKeys,
  type VaultTenantSaKmsSettings,
  type VaultTokensKmsSettings,
} from '../../lib/schema/kms';
import { requirePrivateKey, type TlsOptions } from '../vault/tls';
import { type ReadOptions, type TenantDirectory, tenantHasNo } from './tenant-directory';

/** Settings of a type whose tenants come as themselves. */
export type TenantSettings = VaultTokensKmsSettings | VaultTenantSaKmsSettings;

/** The tenant's ConfigMap; undefined when there is none, which is fine, or when none counts. */
export async function readTenantConfig(
  directory: TenantDirectory,
  settings: TenantSettings,
  tenant: string,
  options: ReadOptions,
): Promise<Readonly<Record<string, string>> | undefined> {
  if (settings.overrides === 'none') return undefined;
  return directory.configMap({ namespace: tenant, name: configNameFor(settings, tenant) }, options);
}

/** TLS options with material held in memory only, and a hash of it. */
export interface TenantTls {
  readonly options: TlsOptions;
  readonly fingerprint: string;
}

/** @throws CodedError SECRET_MISSING: a Secret that the settings name is nowhere, or lacks its key; CONFIG_INVALID: it holds no key. */
export async function readTenantTls(
  directory: TenantDirectory,
  { tls }: TenantSettings,
  tenant: string,
  options: ReadOptions,
): Promise<TenantTls> {
  const read = async (name: string | undefined, key: string): Promise<string | undefined> => {
    if (name === undefined) return undefined;
    const found = await directory.secret({ namespace: tenant, name, key, orOfDriver: true }, options);
    if (!found) throw tenantHasNo(`Secret ${name}, nor has the driver`, tenant);
    using secret = found;
    return secret.use((bytes) => bytes.toString('utf8'));
  };
  const caPem = await read(tls.caFromSecret, tlsKeys.certificate);
  const certificatePem = await read(tls.clientCertFromSecret, tlsKeys.certificate);
  const keyPem = await read(tls.clientCertKeyFromSecret, tlsKeys.key);
  if (keyPem !== undefined) requirePrivateKey(keyPem, `the Secret ${tls.clientCertKeyFromSecret}`);
  return {
    options: {
      verify: tls.verify,
      ...(caPem !== undefined && { caPem }),
      ...(tls.serverName !== undefined && { serverName: tls.serverName }),
      ...(certificatePem !== undefined && keyPem !== undefined && { client: { certificatePem, keyPem } }),
    },
    fingerprint: hash([caPem, certificatePem, keyPem]),
  };
}

function hash(parts: readonly (string | undefined)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
