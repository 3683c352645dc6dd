// What an EncryptionConfiguration must not do to the data that is there (trap 14), or to the plugin that it calls.
import { decodeEncryptionConfiguration, type EncryptionConfiguration } from '../../schema/encryption-configuration';
import { droppedProviders, type EncryptionStep } from '../../schema/encryption-phase';
import { goDurationNs } from '../../schema/go-duration';
import type { KmsPluginConfig } from '../../schema/kms-plugin';
import { propError } from '../prop-error';
import type { Distribution } from './distribution';

/** What a distribution encrypts with before anybody says anything. */
const builtIn: Partial<Readonly<Record<Distribution, string>>> = {
  rke2: 'aescbc: { keys: [{ name: "aescbckey", … }] }',
  talos: 'secretbox: { keys: [{ name: "key2", … }] }',
};

/** Throws when a distribution has a key of its own, and the declaration does not say that it is to be kept for reading. */
export function refuseForgottenKey(subject: string, distribution: Distribution, previous: unknown): void {
  const ownKey = builtIn[distribution];
  if (ownKey === undefined || previous !== undefined) return;
  throw propError({
    prop: `${subject}.previous`,
    got: 'nothing',
    allowed: 'the providers of before, the one that wrote first',
    remedy: `${distribution} encrypts with a key of its own from its first start: name it, usually ${ownKey}, and then identity; or say [{ identity: {} }] if it was turned off`,
    rule: 'trap 14',
  });
}

/** Throws when the document in force reads what the new one would not, and no migration names it. */
export function refuseLossyStep(
  subject: string,
  step: EncryptionStep,
  configuration: EncryptionConfiguration,
  inForce: unknown,
): void {
  if (inForce === undefined) return;
  const migrated = step.phase === 'enforce' ? step.migration.from : [];
  const lost = droppedProviders(decodeEncryptionConfiguration(inForce), configuration).filter(
    (id) => !migrated.includes(id),
  );
  if (lost.length === 0) return;
  throw propError({
    prop: `${subject}.previous`,
    got: `no ${lost.join(', ')}, which the API servers read with now`,
    allowed: 'every provider in force, until a migration names it',
    remedy:
      'Put it into previous; when all objects are written again, use phase "enforce" and name it in migration.from',
    rule: 'trap 14',
  });
}

/** Throws when the API server would give up while the plugin still waits for Vault. */
export function refuseShortTimeout(
  subject: string,
  { resources }: EncryptionConfiguration,
  { socket, calls }: KmsPluginConfig,
): void {
  for (const { kms } of resources.flatMap(({ providers }) => providers)) {
    if (kms?.endpoint !== socket.endpoint || kms.timeout === undefined) continue;
    const timeoutMs = (goDurationNs(kms.timeout) ?? 0) / 1e6;
    if (timeoutMs > calls.timeoutMs) continue;
    throw propError({
      prop: `${subject}.timeout`,
      got: JSON.stringify(kms.timeout),
      allowed: `more than the ${calls.timeoutMs} ms of plugin.calls.timeoutMs`,
      remedy:
        'Raise it, or lower plugin.calls.timeoutMs: else the API server gives up first and never learns the cause',
      rule: 'R10',
    });
  }
}
