// KMS type `vaulttransit`, keyward's own: a transit key of Vault or OpenBao wraps each volume's key (R7). How the driver
// reaches Vault and logs in is said with the keys of the `vault` type.
import * as z from 'zod';
import { decodeWith, defined, encodeWith } from '../decode';
import type { IssueParams } from '../zod-issues';
import type { KmsSecretSource, KmsSection, KmsTypeDefinition } from './definition';
import { selectorKeys } from './selector';
import { vaultKms } from './vault';
import { vaultOptionDocs, vaultSection } from './vault-section';
import { settleVault, type VaultKmsProps, type VaultKmsSettings } from './vault-settings';

/** What a `vaulttransit` KMS has in common with a `vault` one. */
export type VaultConnectionSettings = Pick<
  VaultKmsSettings,
  'address' | 'namespace' | 'authNamespace' | 'tls' | 'auth'
>;

/** Settings of a `vaulttransit` KMS. */
export interface VaultTransitKmsSettings extends VaultConnectionSettings {
  /** The type. */
  readonly type: 'vaulttransit';
  /** Mount path of the transit engine, below the namespace. */
  readonly transitPath: string;
  /** Name of the key, of a type with authenticated encryption such as aes256-gcm96. */
  readonly keyName: string;
}

/** A `vaulttransit` KMS as a declaration writes it: what has a default may be left out. */
export interface VaultTransitKmsProps
  extends Pick<VaultKmsProps, 'address' | 'namespace' | 'authNamespace' | 'tls' | 'auth'> {
  /** The type. */
  readonly type: 'vaulttransit';
  /** Name of the key. */
  readonly keyName: string;
  /**
   * Mount path of the transit engine.
   * @default transit
   */
  readonly transitPath?: string;
}

const defaultTransitPath = 'transit';

const pathPart = (what: string) =>
  z.string().refine((text) => /^[^/\s\0]+$/.test(text), {
    error: `does not name ${what}`,
    params: { remedy: 'write one name, without slashes and blanks' } satisfies IssueParams,
  });

const transitPath = z.string().refine((text) => /^[^/\s\0]+(\/[^/\s\0]+)*$/.test(text), {
  error: 'does not name a mount',
  params: { remedy: 'write the mount path without a slash at either end, e.g. "transit"' } satisfies IssueParams,
});

const own = z.object({ transitPath, keyName: pathPart('a transit key') });

/** Keys of a `vault` section that are about its KV engine. */
const kvKeys = [
  'vaultBackend',
  'vaultBackendPath',
  'vaultPassphraseRoot',
  'vaultPassphrasePath',
  'vaultDestroyKeys',
  'vaultKeepKeys',
];

const connectionDocs = Object.entries(vaultOptionDocs).filter(([key]) => !kvKeys.includes(key));
const docs = {
  vaultTransitPath: `mount path of the transit engine (keyward); without it ${defaultTransitPath}`,
  vaultTransitKey: 'name of the transit key that wraps the volume keys (keyward)',
};

/** Which keys there are. What those of the connection must look like, the `vault` section says. */
const keys = z.strictObject({
  ...selectorKeys('vaulttransit'),
  vaultTransitPath: transitPath.describe(docs.vaultTransitPath).exactOptional(),
  vaultTransitKey: pathPart('a transit key').describe(docs.vaultTransitKey),
  ...Object.fromEntries(connectionDocs.map(([key, text]) => [key, z.unknown().describe(text).exactOptional()])),
});

function decode(wire: unknown, subject: string): VaultTransitKmsSettings {
  const { vaultTransitPath = defaultTransitPath, vaultTransitKey: keyName } = decodeWith(keys, wire, subject);
  const section = Object.entries(wire as Readonly<Record<string, unknown>>);
  const connection = section.filter(([key]) => connectionDocs.some(([name]) => name === key));
  const asVault = { encryptionKMSType: 'vault', vaultPassphrasePath: '', ...Object.fromEntries(connection) };
  const vault = decodeWith(vaultSection, asVault, subject);
  return Object.freeze({ type: 'vaulttransit', transitPath: vaultTransitPath, keyName, ...connectionOf(vault) });
}

function encode({ transitPath: path, keyName, ...connection }: VaultTransitKmsSettings): KmsSection {
  const asVault = {
    ...connection,
    type: 'vault',
    backend: 'detect',
    backendPath: 'secret',
    passphrasePath: '',
    deletion: 'destroy',
  } as const;
  const written = Object.entries(encodeWith(vaultSection, asVault, 'a vaulttransit KMS') as KmsSection);
  return {
    encryptionKMSType: 'vaulttransit',
    vaultTransitPath: path,
    vaultTransitKey: keyName,
    ...Object.fromEntries(written.filter(([key]) => connectionDocs.some(([name]) => name === key))),
  };
}

function settle(
  { type, keyName, transitPath: path = defaultTransitPath, ...props }: VaultTransitKmsProps,
  subject: string,
): VaultTransitKmsSettings {
  const named = decodeWith(own, { transitPath: path, keyName }, subject);
  return Object.freeze({ type, ...named, ...connectionOf(settleVault({ ...defined(props), type: 'vault' }, subject)) });
}

function connectionOf({ address, namespace, authNamespace, tls, auth }: VaultKmsSettings): VaultConnectionSettings {
  return { address, namespace, authNamespace, tls, auth };
}

/** The `vaulttransit` type. */
export const vaultTransitKms: KmsTypeDefinition<VaultTransitKmsSettings, VaultTransitKmsProps> = {
  type: 'vaulttransit',
  family: 'wraps',
  docs: 'A transit key of HashiCorp Vault or OpenBao wraps each volume key, binds it to the volume, and can be rotated.',
  options: Object.fromEntries(
    [...Object.entries(docs), ...connectionDocs].map(([key, text]) => [key, { docs: text, tenantMaySet: false }]),
  ),
  settle,
  section: { decode, encode },
  secrets: (settings): readonly KmsSecretSource[] =>
    vaultKms.secrets({
      ...settings,
      type: 'vault',
      backend: 'detect',
      backendPath: '',
      passphrasePath: '',
      deletion: 'keep',
    }),
};
