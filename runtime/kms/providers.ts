/** The one table of what runs each KMS type. A type that lib/schema has and this table has not does not compile. */
import type { KmsSettings, KmsType } from '../../lib/schema/kms';
import type { SecretReader } from '../secret-reader';
import { awsMetadataProvider, awsStsMetadataProvider } from './aws/provider';
import { azureKvProvider } from './azure/provider';
import { ibmKeyProtectProvider } from './ibm/provider';
import { kmipProvider } from './kmip/provider';
import { metadataProvider } from './metadata/provider';
import type { KmsProvider } from './provider';
import type { TenantDirectory } from './tenant-directory';
import { vaultProvider } from './vault/provider';
import { vaultTenantSaProvider } from './vault-tenant-sa/provider';
import { vaultTokensProvider } from './vault-tokens/provider';
import { vaultTransitProvider } from './vault-transit/provider';

export interface ProviderDeps {
  readonly secrets: SecretReader;
  /** Namespace of the driver, where some types have their credentials. Without it they tell so at their first call. */
  readonly podNamespace?: string | undefined;
  /** What belongs to tenants. Without it the types that need it tell so at their first call. */
  readonly tenants?: TenantDirectory;
}

type SettingsOf<T extends KmsType> = Extract<KmsSettings, { readonly type: T }>;
type Factory<T extends KmsType> = (settings: SettingsOf<T>, deps: ProviderDeps) => KmsProvider;

const providers = {
  'aws-metadata': awsMetadataProvider,
  'aws-sts-metadata': awsStsMetadataProvider,
  'azure-kv': azureKvProvider,
  ibmkeyprotect: ibmKeyProtectProvider,
  kmip: kmipProvider,
  metadata: metadataProvider,
  vault: vaultProvider,
  vaulttenantsa: vaultTenantSaProvider,
  vaulttokens: vaultTokensProvider,
  vaulttransit: vaultTransitProvider,
} satisfies { readonly [T in KmsType]: Factory<T> };

/** A provider for these settings. It connects to nothing before its first call. */
export function makeProvider(settings: KmsSettings, deps: ProviderDeps): KmsProvider {
  const factory = providers[settings.type] as (settings: KmsSettings, deps: ProviderDeps) => KmsProvider;
  return factory(settings, deps);
}
