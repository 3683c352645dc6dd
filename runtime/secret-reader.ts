/** The port through which a provider reads Kubernetes Secrets. The tenant agent is another way to fill it. */
import type { Secret } from './secret';

export interface SecretReader {
  /**
   * The value as it is, not trimmed. Who receives it zeroes it.
   * @throws CodedError SECRET_MISSING when namespace, Secret or key is absent, or the value is empty;
   *   REQUEST_INVALID for names that Kubernetes cannot have.
   */
  read(namespace: string, name: string, key: string): Promise<Secret>;
}

/** Ability of a reader that sees a whole Secret: what is in it, beside the keys that somebody asks for. */
export interface ListsSecretKeys {
  /** Names only. @throws CodedError SECRET_MISSING, REQUEST_INVALID */
  keys(namespace: string, name: string): Promise<readonly string[]>;
}

export function listsSecretKeys(reader: SecretReader): reader is SecretReader & ListsSecretKeys {
  return 'keys' in reader;
}
