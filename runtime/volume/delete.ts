/**
 * DeleteVolume and DeleteSnapshot: key → image → record. The key goes first, so that what is left is unreadable whatever
 * happens next; the record goes last, so that a repeated call still knows which key and image to remove. The data key
 * itself is never needed (R14).
 */
import type { ImageRef } from '../device/back-end';
import type { SnapshotRecord, VolumeRecord } from '../device/record';
import { CodedError } from '../errors';
import { findMapping, mappingName } from '../luks/mapping';
import type { Call, VolumeDeps } from './context';
import { removeKey } from './remove-key';
import { runSteps, type Step, step } from './steps';

/** No error when there is no such volume. @throws CodedError VOLUME_IN_USE, VOLUME_BUSY, VOLUME_ELSEWHERE, KMS_*. */
export async function deleteVolume(deps: VolumeDeps, id: string, call: Call): Promise<void> {
  await remove(deps, { kind: 'volume', id }, call);
}

/** No error when there is no such snapshot. @throws CodedError VOLUME_BUSY, VOLUME_ELSEWHERE, KMS_*. */
export async function deleteSnapshot(deps: VolumeDeps, id: string, call: Call): Promise<void> {
  await remove(deps, { kind: 'snapshot', id }, call);
}

async function remove(deps: VolumeDeps, image: ImageRef, call: Call): Promise<void> {
  if (deps.backEnd.isElsewhere(image.id)) {
    throw new CodedError('VOLUME_ELSEWHERE', `${image.kind} ${image.id} lives on another node`, {
      remedy: 'Call the driver on the node that holds it; the provisioner does so with --node-deployment.',
    });
  }
  await deps.locks.run(image.id, image.kind === 'volume' ? 'DeleteVolume' : 'DeleteSnapshot', async () => {
    const store = image.kind === 'volume' ? deps.backEnd.volumes : deps.backEnd.snapshots;
    const record: VolumeRecord | SnapshotRecord | undefined = await store.get(image.id);
    if (!record) return;
    if (image.kind === 'volume') await requireUnused(deps, image.id);
    const context = { operation: 'delete', volumeId: image.id, log: deps.log, signal: call.signal };
    await runSteps(removal(deps, image, record, call), context);
  });
}

/**
 * Takes back what CreateVolume or CreateSnapshot had begun before a final error: the caller may go to another node and
 * never come back, and it has no id to delete. Never throws; what could not be removed keeps its record.
 */
export async function discardUnfinished(
  deps: VolumeDeps,
  image: ImageRef,
  record: VolumeRecord | SnapshotRecord,
  call: Call,
): Promise<void> {
  try {
    const context = { operation: 'discard', volumeId: image.id, log: deps.log };
    await runSteps(removal(deps, image, record, call), context);
  } catch (error) {
    deps.log.warn('what was begun could not be taken back', { volumeId: image.id, error });
  }
}

function removal(
  deps: VolumeDeps,
  image: ImageRef,
  record: VolumeRecord | SnapshotRecord,
  call: Call,
): readonly Step[] {
  const store = image.kind === 'volume' ? deps.backEnd.volumes : deps.backEnd.snapshots;
  return [
    step('key', () => removeKey(deps, image, record.encryption, call)),
    step('image', () => deps.backEnd.images.remove(image)),
    step('record', () => store.forget(image.id, record.name)),
  ];
}

/** Asked before the key is destroyed: data in use must not lose it. */
async function requireUnused(deps: VolumeDeps, id: string): Promise<void> {
  const user =
    (await findMapping(mappingName(id)))?.device ?? (await deps.backEnd.images.usedBy({ kind: 'volume', id }));
  if (user === undefined) return;
  throw new CodedError('VOLUME_IN_USE', `volume ${id} is in use by ${user}`, {
    remedy: 'Delete the pods that use it first; the kubelet then unstages it.',
  });
}
