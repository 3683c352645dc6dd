// The Secrets of a Vault connection of Rook, which all lie in the namespace of the Ceph cluster. TLS material comes in three of
// them, with the data keys `cert`, `cert` and `key`.
import { type RookVaultSecrets, rookVaultSecretKeys } from '../../schema/kms/rook';
import { type ISecret, nameOfSecret } from '../secrets/secret-with-keys';

/** The Secrets, by reference. */
export interface RookVaultSecretRefs {
  /**
   * Secret with the Vault token under the key `token`.
   * @default - none; needed with the auth method token, and only then
   */
  readonly token?: ISecret;
  /**
   * Secret with the CA of Vault under the key `cert`.
   * @default - the CAs of the system
   */
  readonly ca?: ISecret;
  /**
   * Secret with a client certificate under the key `cert`.
   * @default - none
   */
  readonly clientCert?: ISecret;
  /**
   * Secret with the key of the client certificate under the key `key`.
   * @default - none
   */
  readonly clientKey?: ISecret;
}

/** The names, after a check of keys and namespaces. */
export function rookVaultSecretNames(
  secrets: RookVaultSecretRefs,
  { prop, namespace }: { readonly prop: string; readonly namespace: string | undefined },
): RookVaultSecrets {
  const names = Object.entries(rookVaultSecretKeys).flatMap(([use, keys]) => {
    const secret = secrets[use as keyof RookVaultSecretRefs];
    if (secret === undefined) return [];
    return [[use, nameOfSecret(secret, { prop: `${prop}.${use}`, keys, namespace, rule: 'trap 8' })]];
  });
  return Object.fromEntries(names);
}
