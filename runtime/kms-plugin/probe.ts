/**
 * The proof that the key works: read it, encrypt a random value, decrypt it again, and decrypt the one of the last proof
 * as well. Reading comes first, because a token with wide rights would make a deleted key anew by encrypting with it.
 */
import { randomBytes } from 'node:crypto';
import { CodedError, isCoded } from '../errors';
import { ciphertextVersion, type Outcome, type Transit } from '../vault/transit';
import type { KeyVersion } from './key-id';
import type { KeyVersions } from './key-versions';

/** A value and what it was encrypted to. */
export interface Canary {
  readonly plaintext: Buffer;
  readonly ciphertext: string;
}

export interface ProbeResult {
  readonly version: KeyVersion;
  readonly canary: Canary;
  /** The canary of the last proof cannot be decrypted: the key is another one than it was. */
  readonly replaced: boolean;
}

/** @throws CodedError and VaultError: whatever keeps the key from being used. */
export async function probe(
  transit: Transit,
  versions: KeyVersions,
  previous: Canary | undefined,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const denial = await versions.ask().then(
    () => undefined,
    (error: unknown) => {
      if (isCoded(error, 'KMS_DENIED')) return error;
      throw error;
    },
  );
  const canary = await encryptCanary(transit, signal);
  // The token can encrypt, so it is alive: only the policy can have denied the reading.
  if (denial) versions.readingIsDenied();
  const replaced = await decryptCanaries(transit, canary, previous, signal);
  const version = await versions.find(ciphertextVersion(canary.ciphertext) ?? 0);
  return { version, canary, replaced };
}

async function encryptCanary(transit: Transit, signal: AbortSignal): Promise<Canary> {
  const plaintext = randomBytes(32);
  const [outcome] = await transit.encrypt([plaintext], signal);
  const ciphertext = needed(outcome);
  if (ciphertextVersion(ciphertext) !== undefined) return { plaintext, ciphertext };
  throw new CodedError('KMS_ANSWER_INVALID', 'transit gave a ciphertext of an unknown form', {
    remedy: 'Use the transit engine of Vault or OpenBao, whose ciphertexts begin with vault:v<version>:.',
  });
}

async function decryptCanaries(
  transit: Transit,
  canary: Canary,
  previous: Canary | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const [fresh, old] = await transit.decrypt(
    [canary, ...(previous ? [previous] : [])].map((each) => each.ciphertext),
    signal,
  );
  if (!needed(fresh).equals(canary.plaintext)) {
    throw new CodedError('KMS_ANSWER_INVALID', 'transit decrypted to another value than was encrypted', {
      remedy: 'Look at the health of Vault before anything is written: what it encrypts now may be lost.',
    });
  }
  if (!previous || !old) return false;
  return old.ok ? !old.value.equals(previous.plaintext) : isCoded(old.error, 'KMS_CIPHERTEXT_INVALID');
}

function needed<T>(outcome: Outcome<T> | undefined): T {
  if (outcome?.ok) return outcome.value;
  throw outcome?.error ?? new Error('a batch without an outcome');
}
