/** The one table of what runs each KMS type. A type that lib/schema has and this table has not does not compile. */
import type { KmsSettings, KmsType } from '../../lib/schema/kms';
import { metadataProvider } from './metadata/provider';
import type { KmsProvider } from './provider';
import type { SecretReader } from './secret-reader';
import { vaultProvider } from './vault/provider';

export interface ProviderDeps {
  readonly secrets: SecretReader;
}

type SettingsOf<T extends KmsType> = Extract<KmsSettings, { readonly type: T }>;
type Factory<T extends KmsType> = (settings: SettingsOf<T>, deps: ProviderDeps) => KmsProvider;

const providers = {
  metadata: metadataProvider,
  vault: vaultProvider,
} satisfies { readonly [T in KmsType]: Factory<T> };

/** A provider for these settings. It connects to nothing before its first call. */
export function makeProvider(settings: KmsSettings, deps: ProviderDeps): KmsProvider {
  const factory = providers[settings.type] as (settings: KmsSettings, deps: ProviderDeps) => KmsProvider;
  return factory(settings, deps);
}
