/** What a StorageClass would name as secrets, for calls that come from no sidecar: a Secret that is mounted into the pod. */
import { CodedError } from '../errors';
import { mountedSecrets } from '../kms/mounted-secrets';

/** @param name `namespace/name`; undefined: there are none. The result throws CodedError SECRET_MISSING, CONFIG_INVALID. */
export function adminSecrets(
  secretsDirectory: string,
  name: string | undefined,
): () => Promise<Readonly<Record<string, string>>> {
  if (name === undefined) return async () => ({});
  const [namespace = '', secret = '', ...more] = name.split('/');
  if (namespace === '' || secret === '' || more.length > 0) {
    throw new CodedError('CONFIG_INVALID', `--admin-secret ${name} is not namespace/name`, {
      remedy: 'Write it as keyward-system/passphrase.',
    });
  }
  const mounted = mountedSecrets(secretsDirectory);
  // Read at each call: a Secret that was corrected counts at once.
  return async () => {
    const values: Record<string, string> = {};
    for (const key of await mounted.keys(namespace, secret)) {
      using value = await mounted.read(namespace, secret, key);
      values[key] = value.use((bytes) => bytes.toString('utf8'));
    }
    return values;
  };
}
