// The fifteen rules, in the order of their numbers.
import { encryptionIgnored } from './kw01-encryption-ignored';
import { missingSecret } from './kw02-missing-secret';
import { kvPath } from './kw03-kv-path';
import { unknownName } from './kw04-unknown-name';
import { boundIdentity } from './kw05-bound-identity';
import { tokenReview } from './kw06-token-review';
import { namespaceConfusion } from './kw07-namespace';
import { tlsTrust } from './kw08-tls';
import { impossibleCombination } from './kw09-impossible-combination';
import { immutableChange } from './kw10-immutable';
import { credentialLife } from './kw11-credential-life';
import { derivationMemory } from './kw12-derivation-memory';
import { coldStart } from './kw13-cold-start';
import { decryptionNarrowed } from './kw14-decryption-narrowed';
import { rawSecret } from './kw15-raw-secret';
import type { Rule } from './rule';

/** All rules. */
export const rules: readonly Rule[] = Object.freeze([
  encryptionIgnored,
  missingSecret,
  kvPath,
  unknownName,
  boundIdentity,
  tokenReview,
  namespaceConfusion,
  tlsTrust,
  impossibleCombination,
  immutableChange,
  credentialLife,
  derivationMemory,
  coldStart,
  decryptionNarrowed,
  rawSecret,
]);
