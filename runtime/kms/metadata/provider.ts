/** KMS type `metadata`: a passphrase in a Kubernetes Secret wraps each key. */
import type { MetadataKmsSettings } from '../../../lib/schema/kms';
import { passphraseSecretKey } from '../../../lib/schema/names';
import { Semaphore } from '../../async/semaphore';
import { CodedError } from '../../errors';
import { Secret } from '../../secret';
import type { SecretReader } from '../../secret-reader';
import type { CallContext, KeyReference, WrapsKeys } from '../provider';
import { requestSecret } from '../request-secrets';
import { deriveKey, open, seal } from './envelope';

/** 32 MiB each. A node that restarts stages all its volumes at once (R12). */
const derivationsAtOnce = 2;

export function metadataProvider(settings: MetadataKmsSettings, deps: { readonly secrets: SecretReader }): WrapsKeys {
  const derivations = new Semaphore(derivationsAtOnce);

  /** Read at each call: a Secret that was corrected counts at once, and a bad one never fails at the start. */
  const withKey = async <T>(ref: KeyReference, ctx: CallContext, use: (key: Secret) => T): Promise<T> => {
    using passphrase = await readPassphrase(ref, ctx, settings, deps.secrets);
    using key = await derivations.run(() => deriveKey(passphrase, ref.volumeId), ctx.signal);
    return use(key);
  };

  return {
    family: 'wraps',
    wrap: (ref, dek, ctx) => withKey(ref, ctx, (key) => seal(dek, key)),
    unwrap: (ref, wrapped, ctx) => withKey(ref, ctx, (key) => open(wrapped, key)),
    async close() {},
  };
}

/** A Secret of the caller's own. */
async function readPassphrase(
  { owner, volumeId }: KeyReference,
  ctx: CallContext,
  { secretName, secretNamespace = owner }: MetadataKmsSettings,
  secrets: SecretReader,
): Promise<Secret> {
  if (secretName === undefined) {
    return requestSecret(ctx, passphraseSecretKey).use((bytes) => Secret.take(Buffer.from(bytes)));
  }
  if (secretNamespace === '') {
    throw new CodedError('SECRET_MISSING', `the namespace of the Secret ${secretName} is not known for ${volumeId}`, {
      remedy:
        'Run the provisioner with --extra-create-metadata, or set secretNamespace in the configuration of the KMS.',
    });
  }
  return secrets.read(secretNamespace, secretName, passphraseSecretKey);
}
