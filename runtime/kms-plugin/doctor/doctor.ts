/** `keyward kms-plugin doctor`: walks the way from the API server's configuration to the transit key and names what fails. */
import type { Log } from '../../log';
import { Transit } from '../../vault/transit';
import type { PluginSettings } from '../settings/resolve';
import { VaultLink } from '../vault-link';
import { checkEncryptionConfig } from './encryption-config';
import { type Finding, failure, skipped } from './finding';
import { checkKey } from './key-checks';
import { checkSocket } from './socket-checks';
import { checkLogin, checkPolicy, checkServer } from './vault-checks';

export interface DoctorOptions {
  readonly settings: PluginSettings;
  readonly log: Log;
  /** File that the API server reads with --encryption-provider-config. */
  readonly encryptionConfigFile?: string;
}

/** Never throws: what goes wrong is a finding. */
export async function examine({ settings, log, encryptionConfigFile }: DoctorOptions): Promise<readonly Finding[]> {
  const { config } = settings;
  return [
    ...(await examineVault(settings, log)),
    ...(await checkSocket(config)),
    ...(encryptionConfigFile === undefined
      ? [skipped('encryption config', 'give --encryption-config FILE to compare it with the plugin')]
      : await checkEncryptionConfig(encryptionConfigFile, config)),
  ];
}

/** Each step needs the one before: after the first that fails, the rest would only fail too. */
async function examineVault(settings: PluginSettings, log: Log): Promise<readonly Finding[]> {
  const server = await checkServer(settings);
  if (hasFailed(server)) return [...server, skipped('login, policy, key', 'Vault does not answer')];
  let link: VaultLink;
  try {
    link = await VaultLink.open(settings, { log });
  } catch (error) {
    return [...server, failure('login', error)];
  }
  try {
    const login = await checkLogin(settings, link);
    if (hasFailed(login)) return [...server, ...login, skipped('policy, key', 'there is no login')];
    const transit = new Transit(link, { ...settings.config.transit, namespace: settings.config.vault.namespace });
    return [...server, ...login, ...(await checkPolicy(settings, link, transit)), ...(await checkKey(transit))];
  } finally {
    link.close();
  }
}

export function hasFailed(findings: readonly Finding[]): boolean {
  return findings.some(({ result }) => result === 'failed');
}
