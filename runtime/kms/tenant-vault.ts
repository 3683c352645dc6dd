/** What `vaulttokens` and `vaulttenantsa` have in common: the entries are those of `vault`, the identity is the tenant's. */
import { describeLocation, isSameLocation, type KeyLocation } from '../key-location';
import { joinPath } from '../vault/connection';
import { detectKvVersion, openKeyValue } from '../vault/kv-engine';
import type { CallContext, KeyReference, LocatesKeys, StoresKeys } from './provider';
import { TenantClients, type TenantLogin, type TenantVault } from './tenant-clients';
import { KeyOutOfReach, type TenantDirectory, tenantOf } from './tenant-directory';
import type { TenantSettings } from './tenant-material';
import { keysInEntries } from './vault/entries';

export function tenantVaultProvider<S extends TenantSettings>(
  settings: S,
  directory: TenantDirectory,
  login: TenantLogin<S>,
): StoresKeys & LocatesKeys {
  const clients = new TenantClients(settings, { directory, login });
  const keys = keysInEntries((ref, ctx, action) =>
    clients.use(tenantOf(ref), ctx, async (vault) => {
      const { namespace, mountPath, kvVersion: version, key } = await locationOf(vault, ref, ctx);
      const kv = openKeyValue(vault.client, { namespace, mountPath, version });
      return action({ kv, key, deletion: vault.settings.deletion });
    }),
  );
  const locate = (ref: KeyReference, ctx: CallContext) =>
    clients.use(tenantOf(ref), ctx, (vault) => locationOf(vault, ref, ctx));
  return {
    family: 'stores',
    ...keys,
    locate,
    async remove(ref, ctx) {
      const { location } = ref;
      // Nothing to remove, so nobody need be asked for his identity. Only the administrator can say otherwise for a tenant.
      if (settings.deletion === 'keep' && settings.tenants[ref.owner]?.vaultKeepKeys === undefined) return;
      if (location && !isSameLocation(location, await locate(ref, ctx))) throw leadsElsewhere(ref, location);
      await keys.remove(ref, ctx);
    },
    async close() {
      clients.close();
    },
  };
}

async function locationOf<S extends TenantSettings>(
  vault: TenantVault<S>,
  ref: KeyReference,
  { signal }: CallContext,
): Promise<KeyLocation> {
  const { address, namespace, backend, backendPath, tenantPrefix } = vault.settings;
  const mountPath = joinPath(backendPath);
  if (backend === 'detect') vault.kvVersion ??= await detectKvVersion(vault.client, { namespace, mountPath }, signal);
  else vault.kvVersion = backend === 'kv-v2' ? 2 : 1;
  const key = tenantPrefix ? joinPath(tenantOf(ref), ref.volumeId) : ref.volumeId;
  return { address, namespace: joinPath(namespace), mountPath, kvVersion: vault.kvVersion, key };
}

/** Removing at the new place would remove nothing, succeed, and leave the key behind for good. */
function leadsElsewhere({ owner }: KeyReference, location: KeyLocation): KeyOutOfReach {
  const message = `the settings of tenant ${owner} lead elsewhere than to ${describeLocation(location)}`;
  return new KeyOutOfReach('CONFIG_INVALID', message, {
    remedy: 'Give the tenant the settings back that it had when the volume was made.',
  });
}
