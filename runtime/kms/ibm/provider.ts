/**
 * KMS type `ibmkeyprotect`: a root key of IBM Key Protect wraps each key, with the volume id as authenticated data. The
 * stored text is ceph-csi's: standard base64 of the ciphertext text that the service gave.
 */
import { type IbmKeyProtectKmsSettings, ibmCredentialKeys } from '../../../lib/schema/kms';
import { Perishable } from '../../async/perishable';
import { Recent } from '../../async/recent';
import { CodedError, isCoded } from '../../errors';
import type { Secret } from '../../secret';
import type { SecretReader } from '../../secret-reader';
import { fromBase64 } from '../base64';
import { driverNamespace, readCredentials } from '../credentials';
import type { CallContext, KeyReference, WrapsKeys } from '../provider';
import { requestToken } from './iam';
import { type KeyAction, KeyProtect } from './key-protect';
import { fromPlaintext, toPlaintext } from './plaintext';

/** One, or two while the API key is being replaced. */
const maxLogins = 4;

export function ibmKeyProtectProvider(
  settings: IbmKeyProtectKmsSettings,
  deps: { readonly secrets: SecretReader; readonly podNamespace?: string | undefined },
): WrapsKeys {
  const api = new KeyProtect(settings);
  const credentials = () =>
    readCredentials(deps.secrets, { namespace: driverNamespace(deps), name: settings.secretName }, ibmCredentialKeys);
  /** By the fingerprint of the credentials, which are read by whoever obtains the token. */
  const logins = new Recent(
    maxLogins,
    () =>
      new Perishable<Secret>(async (signal) => {
        using secret = await credentials();
        return requestToken(settings.tokenUrl, secret.word('IBM_KP_SERVICE_API_KEY'), signal);
      }),
  );

  const act = async <T>(
    { volumeId }: KeyReference,
    { signal }: CallContext,
    use: (action: KeyAction) => Promise<T>,
  ): Promise<T> => {
    using secret = await credentials();
    const keyId = secret.word('IBM_KP_CUSTOMER_ROOT_KEY');
    const login = logins.get(secret.fingerprint);
    const token = await login.get(signal);
    try {
      return await use({ keyId, token, aad: [volumeId], signal });
    } catch (error) {
      // A token may be refused before its time: once more with a new one.
      if (!(isCoded(error, 'KMS_DENIED') && 'status' in error && error.status === 401)) throw error;
      login.drop(token);
      return use({ keyId, token: await login.get(signal), aad: [volumeId], signal });
    }
  };

  return {
    family: 'wraps',

    async wrap(ref, dek, ctx) {
      const ciphertext = await act(ref, ctx, (action) => api.wrap(toPlaintext(dek), action));
      return Buffer.from(ciphertext, 'utf8').toString('base64');
    },

    async unwrap(ref, wrapped, ctx) {
      const ciphertext = fromBase64(wrapped)?.toString('utf8');
      if (!ciphertext) throw notWrappedHere('is not in the form of the ibmkeyprotect KMS');
      const dek = fromPlaintext(await act(ref, ctx, (action) => api.unwrap(ciphertext, action)));
      if (!dek) throw notWrappedHere('unwraps to what is no key');
      return dek;
    },

    async close() {
      api.close();
    },
  };
}

function notWrappedHere(fault: string): CodedError {
  return new CodedError('KMS_CIPHERTEXT_INVALID', `the wrapped key ${fault}`, {
    remedy: 'Check that the volume names the KMS that wrapped its key; else restore its metadata from a backup.',
  });
}
