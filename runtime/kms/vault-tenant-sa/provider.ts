/** KMS type `vaulttenantsa`: the driver logs in with a token that is requested for a ServiceAccount of the tenant. It never lies in a file. */
import type { VaultTenantSaKmsSettings } from '../../../lib/schema/kms';
import { kubernetesAuthWith } from '../../vault/auth/kubernetes';
import type { LocatesKeys, StoresKeys } from '../provider';
import { noTenantDirectory, type TenantDirectory, tenantHasNo } from '../tenant-directory';
import { tenantVaultProvider } from '../tenant-vault';

export function vaultTenantSaProvider(
  settings: VaultTenantSaKmsSettings,
  { tenants: directory = noTenantDirectory }: { readonly tenants?: TenantDirectory },
): StoresKeys & LocatesKeys {
  return tenantVaultProvider(settings, directory, {
    // The settings name the account, and each login requests a token of its own: there is nothing else that could change.
    identify: async ({ tenantSAName }) => tenantSAName,

    auth({ mountPath, role, authNamespace: namespace, tenantSAName: name, audience }, tenant) {
      return kubernetesAuthWith({ mountPath, role, namespace }, async (signal) => {
        const account = { namespace: tenant, name, ...(audience !== undefined && { audience }) };
        const token = await directory.serviceAccountToken(account, { signal });
        if (token) return token;
        throw tenantHasNo(`ServiceAccount ${name}`, tenant);
      });
    },
  });
}
