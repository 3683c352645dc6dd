import { CodedError } from '../errors';

/** The key was deleted and made anew, and its new first version cannot be told from the old one. */
export function keyReplaced(path: string): CodedError {
  return new CodedError('KMS_KEY_NOT_FOUND', 'the transit key was replaced by another one of the same name', {
    remedy: `Restore the old key from a backup. If it is lost, allow the policy of the plugin to read ${path}: the new key then gets a key id of its own.`,
  });
}
