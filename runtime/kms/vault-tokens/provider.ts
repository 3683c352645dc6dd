/** KMS type `vaulttokens`: the tenant's own Vault token, from a Secret in its namespace. */
import { createHash } from 'node:crypto';
import { tenantTokenKey, type VaultTokensKmsSettings } from '../../../lib/schema/kms';
import { CodedError } from '../../errors';
import { Secret } from '../../secret';
import { grantOf } from '../../vault/auth/token';
import type { LocatesKeys, StoresKeys } from '../provider';
import { noTenantDirectory, type ReadOptions, type TenantDirectory, tenantHasNo } from '../tenant-directory';
import { tenantVaultProvider } from '../tenant-vault';

export function vaultTokensProvider(
  settings: VaultTokensKmsSettings,
  { tenants: directory = noTenantDirectory }: { readonly tenants?: TenantDirectory },
): StoresKeys & LocatesKeys {
  const readToken = async (
    { tenantTokenName: name }: VaultTokensKmsSettings,
    tenant: string,
    options: ReadOptions,
  ): Promise<Secret> => {
    const token = await directory.secret({ namespace: tenant, name, key: tenantTokenKey }, options);
    if (token) return plainToken(token, name, tenant);
    throw tenantHasNo(`Secret ${name}`, tenant);
  };
  return tenantVaultProvider(settings, directory, {
    async identify(effective, tenant, read) {
      using token = await readToken(effective, tenant, read);
      return token.use((bytes) => createHash('sha256').update(bytes).digest('hex'));
    },

    auth(effective, tenant) {
      const { authNamespace: namespace } = effective;
      let isFirst = true;
      return {
        namespace,
        async login(connection, signal) {
          // A second login means that Vault refused the token: what is remembered of the Secret is no help then.
          const token = await readToken(effective, tenant, { fresh: !isFirst, signal });
          isFirst = false;
          return grantOf(token, { namespace, connection, signal });
        },
      };
    },
  });
}

const maxTokenBytes = 8 * 1024;

/** Vault's tokens have no white space; `kubectl create secret --from-file` likes to add a newline. */
function plainToken(stored: Secret, name: string, tenant: string): Secret {
  using raw = stored;
  const text = raw.use((bytes) => bytes.toString('latin1')).trim();
  if (/^[\x21-\x7e]+$/.test(text) && text.length <= maxTokenBytes) return Secret.fromText(text);
  throw new CodedError('CONFIG_INVALID', `the Secret ${name} of tenant ${tenant} holds no Vault token`, {
    remedy: `Put the token, and nothing else, under the key ${tenantTokenKey}.`,
  });
}
