/** Secrets that come with a CSI request, from the secret references of the StorageClass. */
import { CodedError } from '../errors';
import type { Secret } from '../secret';
import type { CallContext } from './provider';

/** The Secret stays the request's: it must not be zeroed. @throws CodedError SECRET_MISSING when absent or empty. */
export function requestSecret({ secrets }: CallContext, key: string): Secret {
  const secret = secrets.get(key);
  if (secret && secret.lengthBytes > 0) return secret;
  throw new CodedError('SECRET_MISSING', `the secrets of the request have no ${key}`, {
    remedy: `Name a Secret with the key ${key} in all secret references of the StorageClass.`,
  });
}
