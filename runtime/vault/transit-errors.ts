/** What transit's own texts mean. Everything that is not about a key or a ciphertext is told by errors.ts already. */
import type { Code, CodedError } from '../errors';
import { VaultError } from './errors';

interface Fault {
  readonly pattern: RegExp;
  readonly code: Code;
  readonly what: string;
  readonly remedy: string;
}

const faults: readonly Fault[] = [
  {
    pattern: /encryption key not found/i,
    code: 'KMS_KEY_NOT_FOUND',
    what: 'the transit key does not exist',
    remedy:
      'Check the name of the key and the mount. If the key was deleted, restore it from a backup: a new key of the same name cannot decrypt what the old one encrypted.',
  },
  {
    pattern: /soft.?deleted/i,
    code: 'KMS_KEY_NOT_FOUND',
    what: 'the transit key is deleted',
    remedy: 'Restore the key with transit/keys/NAME/soft-delete-restore.',
  },
  {
    pattern: /disallowed by policy|too old/i,
    code: 'KMS_DENIED',
    what: 'the version of the transit key that is needed is switched off',
    remedy: 'Lower min_decryption_version of the key, and rewrite what is encrypted with the old version first.',
  },
  {
    pattern:
      /not supported for (this operation|key type)|non-AEAD|derivation|derived key|missing 'context'|unknown key type/i,
    code: 'CONFIG_INVALID',
    what: 'the transit key is of a kind that cannot be used here',
    remedy: 'Use a key of type aes256-gcm96 that is not derived.',
  },
  {
    pattern:
      /invalid ciphertext|message authentication failed|decryption error|illegal base64|invalid key version|no such key version|ciphertext.*too short|unable to decrypt/i,
    code: 'KMS_CIPHERTEXT_INVALID',
    what: 'the ciphertext was not made by this transit key, or it is damaged',
    remedy: 'Check that mount and key are those that encrypted it; else restore the data from a backup.',
  },
];

/** An error that transit gave for one item of a batch. */
export function itemFault(text: string, doing: string): CodedError {
  const said = text.replace(/\s+/g, ' ').trim().slice(0, 200);
  const known = faults.find(({ pattern }) => pattern.test(text));
  if (known) return new VaultError(known.code, `${known.what} (${doing}: ${said})`, { remedy: known.remedy });
  return new VaultError('KMS_DENIED', `transit refuses the item (${doing}: ${said})`, {
    remedy: 'See what transit says, and check the key.',
  });
}

/** The refusal of a whole request, told by what transit says in it. Any other error passes. */
export function requestFault(error: unknown): unknown {
  if (!(error instanceof VaultError) || error.status !== 400) return error;
  const known = faults.find(({ pattern }) => pattern.test(error.message));
  if (!known) return error;
  return new VaultError(known.code, `${known.what}: ${error.message}`, {
    remedy: known.remedy,
    status: error.status,
    cause: error,
  });
}
