/** One try for one claim, and what came of it. Nothing is reported here. */
import { csiAddonsAnnotations } from '../../../lib/schema/rotation-annotations';
import { onVolume } from '../../csi/volume-calls';
import { type CodedError, toCoded } from '../../errors';
import { type KubernetesClient, path } from '../../kubernetes/client';
import type { Call, VolumeDeps } from '../../volume/context';
import { rotatePassphrase } from '../../volume/rotate';
import { verifyKey } from '../../volume/verify';
import type { Claim } from './claims';
import type { Item } from './plan';
import type { SubjectsDeps } from './subjects';

export type Attempt =
  | { readonly outcome: 'OK' }
  /** Was done since by somebody else. */
  | { readonly outcome: 'not-due'; readonly rotatedAt: string | undefined }
  /** Is not this process's to do, now or ever; `later`: may be some time later. */
  | { readonly outcome: 'skipped'; readonly reason: string; readonly later: boolean; readonly code?: string }
  | { readonly outcome: 'failed'; readonly error: CodedError }
  /** The volume is gone, another node has it, or this process is to stop. */
  | { readonly outcome: 'nothing' };

export interface AttemptDeps extends SubjectsDeps {
  readonly client: KubernetesClient;
  /** Whether it is due, now that the record of the volume says when it was rotated last. */
  readonly isStillDue: (rotatedAt: string | undefined) => boolean;
}

/** Never throws. */
export async function attempt(deps: AttemptDeps, item: Item, signal: AbortSignal): Promise<Attempt> {
  const { operation, subject } = item;
  try {
    const cronJob = operation === 'rotate' ? await cronJobOf(deps.client, subject.claim, signal) : undefined;
    if (cronJob !== undefined) {
      return { outcome: 'skipped', reason: `CSI-Addons has it by its cron job ${cronJob}`, later: false };
    }
    const secrets = await deps.secrets();
    const { volumeId: id, attributes: context } = subject.volume;
    return await onVolume(deps.csi, { id, secrets, context, signal }, (volumeDeps, call) =>
      perform(deps, item, volumeDeps, call),
    );
  } catch (caught) {
    const error = toCoded(caught);
    const { code, summary } = error;
    if (signal.aborted || code === 'VOLUME_NOT_FOUND' || code === 'SHUTTING_DOWN') return { outcome: 'nothing' };
    if (code === 'VOLUME_BUSY' || code === 'DEVICE_BUSY') {
      return { outcome: 'skipped', reason: summary, later: true, code };
    }
    return { outcome: 'failed', error };
  }
}

async function perform(deps: AttemptDeps, item: Item, volumeDeps: VolumeDeps, call: Call): Promise<Attempt> {
  const { volume, isHeld } = item.subject;
  const image = { kind: 'volume', id: volume.volumeId } as const;
  const { volumes, images } = volumeDeps.backEnd;
  const record = await volumes.get(image.id);
  if (!record?.complete) return { outcome: 'nothing' };
  if (!isHeld && (await images.usedBy(image)) !== undefined) return { outcome: 'nothing' };
  if (item.operation === 'verify') {
    await verifyKey(volumeDeps, image, call);
    return { outcome: 'OK' };
  }
  const { rotatedAt } = record.encryption;
  if (!deps.isStillDue(rotatedAt)) return { outcome: 'not-due', rotatedAt };
  await rotatePassphrase(volumeDeps, image.id, call);
  return { outcome: 'OK' };
}

/**
 * The cron job that CSI-Addons keeps for the claim: named by an annotation with the precedence `pvc`, by the claim with
 * `storageclass`. One that is suspended counts too: somebody has the claim in hand.
 */
async function cronJobOf(
  client: KubernetesClient,
  { namespace, name, annotations }: Claim,
  signal: AbortSignal,
): Promise<string | undefined> {
  const named = annotations[csiAddonsAnnotations.cronJob];
  for (const cronJob of [...(named ? [named] : []), `${name}-keyrotation`]) {
    const at = ['apis', 'csiaddons.openshift.io', 'v1alpha1', 'namespaces', namespace, 'encryptionkeyrotationcronjobs'];
    // Where CSI-Addons is not installed there is no such path, which is 404 too.
    if (await client.request({ method: 'GET', path: path([...at, cronJob]), signal })) return cronJob;
  }
  return undefined;
}
