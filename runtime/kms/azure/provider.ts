/**
 * KMS type `azure-kv`: one secret a volume, named by the volume id, whose value is the key as it is. The vault has no
 * compare-and-set: what is expected is read just before the write, and the caller reads back afterwards.
 */
import { isUtf8 } from 'node:buffer';
import { type AzureKvKmsSettings, azureCredentialKey } from '../../../lib/schema/kms';
import { Perishable } from '../../async/perishable';
import { Recent } from '../../async/recent';
import { CodedError, isCoded } from '../../errors';
import type { Secret } from '../../secret';
import type { SecretReader } from '../../secret-reader';
import { driverNamespace, readCredentials } from '../credentials';
import type { CallContext, KeyReference, StoresKeys } from '../provider';
import { readClientCertificate } from './assertion';
import { cloudOf } from './clouds';
import { requestToken } from './entra';
import { SecretsApi } from './secrets-api';

/** One, or two while the certificate is being replaced. */
const maxLogins = 4;

export function azureKvProvider(
  settings: AzureKvKmsSettings,
  deps: { readonly secrets: SecretReader; readonly podNamespace?: string | undefined },
): StoresKeys {
  const api = new SecretsApi(settings.vaultUrl);
  const application = { ...cloudOf(settings.vaultUrl), ...settings };
  /** By the fingerprint of the credentials, which are read by whoever obtains the token. */
  const logins = new Recent(
    maxLogins,
    () =>
      new Perishable<Secret>(async (signal) => {
        using secret = await credentials();
        const certificate = readClientCertificate(secret.text(azureCredentialKey), secret.source);
        return requestToken(application, certificate, signal);
      }),
  );

  const credentials = () =>
    readCredentials(
      deps.secrets,
      { namespace: driverNamespace(deps), name: settings.secretName },
      { required: [azureCredentialKey] },
    );

  /** A token may be refused before its time, by a change of the application: once more with a new one. */
  const withToken = async <T>({ signal }: CallContext, use: (token: Secret) => Promise<T>): Promise<T> => {
    using secret = await credentials();
    const login = logins.get(secret.fingerprint);
    const token = await login.get(signal);
    try {
      return await use(token);
    } catch (error) {
      if (!(isCoded(error, 'KMS_DENIED') && 'status' in error && error.status === 401)) throw error;
      login.drop(token);
      return use(await login.get(signal));
    }
  };

  return {
    family: 'stores',

    async fetch(ref, ctx) {
      const name = nameOf(ref);
      const found = await withToken(ctx, (token) => api.get(name, token, ctx.signal));
      return found && { dek: found.value, version: found.version };
    },

    async store(ref, dek, expectedVersion, ctx) {
      const name = nameOf(ref);
      requireText(dek);
      await withToken(ctx, async (token) => {
        const present = await api.get(name, token, ctx.signal);
        present?.value.zero();
        if (present?.version !== expectedVersion) throw conflict(name);
        await api.set(name, dek, token, ctx.signal);
      });
    },

    async remove(ref, ctx) {
      const name = nameOf(ref);
      await withToken(ctx, (token) => api.delete(name, token, ctx.signal));
    },

    async close() {
      api.close();
    },
  };
}

/** @throws CodedError REQUEST_INVALID for an id that Key Vault does not take as a name. */
function nameOf({ volumeId }: KeyReference): string {
  if (/^[0-9A-Za-z-]{1,127}$/.test(volumeId)) return volumeId;
  throw new CodedError('REQUEST_INVALID', 'the volume id cannot be the name of a secret in Azure Key Vault', {
    remedy: 'Key Vault takes 1 to 127 letters, digits and dashes: choose a cluster id and pool that keep to that.',
  });
}

function requireText(dek: Secret): void {
  if (dek.use((bytes) => isUtf8(bytes))) return;
  throw new CodedError('REQUEST_INVALID', 'the key is not text, and Azure Key Vault keeps text', {
    remedy: 'Use a key that is text, as those that keyward makes are.',
  });
}

function conflict(name: string): CodedError {
  return new CodedError('KMS_CONFLICT', `the secret ${name} is not in the expected version`, {
    remedy: 'Another caller was faster: fetch the key again and repeat the call.',
  });
}
