/** KMS type `vault`: the driver logs in as itself, for all tenants. */
import type { VaultKmsSettings } from '../../../lib/schema/kms';
import type { VaultClient } from '../../vault/client';
import { joinPath } from '../../vault/connection';
import { detectKvVersion, openKeyValue } from '../../vault/kv-engine';
import type { CallContext, StoresKeys } from '../provider';
import { VaultClients } from './clients';
import { keysInEntries } from './entries';

export function vaultProvider(settings: VaultKmsSettings): StoresKeys {
  const { namespace, backendPath: mountPath, passphrasePath, deletion } = settings;
  const clients = new VaultClients(settings);
  let detected: 1 | 2 | undefined;

  const versionOf = async (client: VaultClient, { signal }: CallContext): Promise<1 | 2> => {
    if (settings.backend !== 'detect') return settings.backend === 'kv-v2' ? 2 : 1;
    detected ??= await detectKvVersion(client, { namespace, mountPath }, signal);
    return detected;
  };

  return {
    family: 'stores',
    ...keysInEntries(async ({ volumeId }, ctx, action) => {
      const client = await clients.get(ctx);
      const kv = openKeyValue(client, { namespace, mountPath, version: await versionOf(client, ctx) });
      return action({ kv, key: joinPath(passphrasePath, volumeId), deletion });
    }),
    async close() {
      clients.close();
    },
  };
}
