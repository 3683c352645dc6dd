// Paths as the state has them, from paths as settings have them.
import type { VaultKmsSettings } from '../../schema/kms';
import { SchemaError } from '../../schema/schema-error';

/** Without slashes at the ends, and without doubled ones. */
export function plainPath(path: string): string {
  return path.split('/').filter(Boolean).join('/');
}

/** A prefix of entries: what is joined with a slash before a volume id, or nothing. */
export function folder(path: string): string {
  const plain = plainPath(path);
  return plain === '' ? '' : `${plain}/`;
}

/**
 * The namespace of the keys as seen from the one of the login, which holds the policy.
 * Throws a SchemaError when it is neither the same nor below: no policy reaches there (trap 7).
 */
export function below({ namespace, authNamespace }: Pick<VaultKmsSettings, 'namespace' | 'authNamespace'>): string {
  const keys = plainPath(namespace);
  const login = plainPath(authNamespace);
  if (keys === login) return '';
  if (login === '') return keys;
  if (keys.startsWith(`${login}/`)) return keys.slice(login.length + 1);
  throw new SchemaError('a KMS', [
    {
      path: 'authNamespace',
      message: `is ${JSON.stringify(login)}, and the keys are in ${JSON.stringify(keys)}`,
      remedy: 'log in where the keys are or in a namespace above: a policy reaches its own and those below (trap 7)',
    },
  ]);
}
