/** The transit key: that it is of a kind that can be used, that it is protected, and that it works. */
import { isCoded } from '../../errors';
import type { Transit, TransitKey } from '../../vault/transit';
import { KeyVersions } from '../key-versions';
import { probe } from '../probe';
import { type Finding, failed, failure, ok, skipped, warning } from './finding';

const timeoutMs = 10_000;

export async function checkKey(transit: Transit): Promise<readonly Finding[]> {
  const check = `key: ${transit.place}`;
  try {
    const key = await transit.describe(AbortSignal.timeout(timeoutMs));
    return [...kindFindings(check, key), ...(await checkRoundTrip(transit))];
  } catch (error) {
    if (!isCoded(error, 'KMS_DENIED')) return [failure(check, error)];
    return [skipped(check, 'the policy does not allow to read the key'), ...(await checkRoundTrip(transit))];
  }
}

function kindFindings(check: string, key: TransitKey): readonly Finding[] {
  const { type, latestVersion, minDecryptionVersion, deletionAllowed, derived, autoRotatePeriodSeconds } = key;
  if (!key.supportsEncryption || !key.supportsDecryption) {
    return [failed(check, `its type ${type} cannot encrypt and decrypt`, 'Use a key of type aes256-gcm96.')];
  }
  if (derived) {
    return [failed(check, 'it is derived: each call would need a context', 'Use a key that is not derived.')];
  }
  const rotation =
    autoRotatePeriodSeconds > 0 ? `rotates each ${autoRotatePeriodSeconds} s` : 'does not rotate by itself';
  const findings: Finding[] = [ok(check, `type ${type}, version ${latestVersion}, ${rotation}`)];
  if (deletionAllowed) {
    findings.push(
      warning(check, 'deletion_allowed is true: one call can destroy all Secrets', 'Set deletion_allowed=false.'),
    );
  }
  if (minDecryptionVersion > 1) {
    findings.push(
      warning(
        check,
        `min_decryption_version is ${minDecryptionVersion}: what older versions encrypted cannot be read`,
        'Make sure that everything was rewritten since, backups of etcd included, or lower it.',
      ),
    );
  }
  return findings;
}

async function checkRoundTrip(transit: Transit): Promise<readonly Finding[]> {
  const check = 'round trip';
  try {
    const versions = new KeyVersions(transit, timeoutMs);
    const { version } = await probe(transit, versions, undefined, AbortSignal.timeout(timeoutMs));
    return [ok(check, `encrypted and decrypted; key_id is ${versions.keyId(version)}`)];
  } catch (error) {
    return [failure(check, error)];
  }
}
