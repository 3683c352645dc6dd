// KMS type `vault`: each volume's key is one entry in a KV engine; the driver logs in as itself.
import { decodeWith, encodeWith } from '../decode';
import type { KmsSecretSource, KmsTypeDefinition } from './definition';
import { vaultOptionDocs, vaultSection } from './vault-section';
import { settleVault, type VaultKmsProps, type VaultKmsSettings } from './vault-settings';

export type { VaultAuth, VaultKmsProps, VaultKmsSettings, VaultTls } from './vault-settings';

/** The `vault` type. */
export const vaultKms: KmsTypeDefinition<VaultKmsSettings, VaultKmsProps> = {
  type: 'vault',
  family: 'stores',
  docs: 'HashiCorp Vault or OpenBao keeps each volume key in a KV engine; the driver logs in with its service account or a token.',
  options: Object.fromEntries(
    Object.entries(vaultOptionDocs).map(([key, docs]) => [key, { docs, tenantMaySet: false }]),
  ),
  settle: settleVault,
  section: {
    decode: (wire, subject) => decodeWith(vaultSection, wire, subject),
    encode: (settings) => encodeWith(vaultSection, settings, 'a vault KMS') as Readonly<Record<string, string>>,
  },
  secrets: ({ tls, auth }) => [...tlsSources(tls), loginSource(auth)],
};

function tlsSources({ caFromSecret, ...tls }: VaultKmsSettings['tls']): readonly KmsSecretSource[] {
  const files = [tls.caFile, tls.clientCertFile, tls.clientKeyFile].filter((path) => path !== undefined);
  return [
    ...(caFromSecret === undefined ? [] : [{ from: 'request' as const, key: caFromSecret }]),
    ...files.map((path) => ({ from: 'file' as const, path })),
  ];
}

function loginSource(auth: VaultKmsSettings['auth']): KmsSecretSource {
  return auth.method === 'token'
    ? { from: 'file', path: auth.tokenFile }
    : { from: 'service-account', tokenFile: auth.tokenFile };
}
