/**
 * Reclaiming space (CSI-Addons). On the node the file system tells the storage, through the mapping, which of its blocks are
 * free; a block volume is left alone there: nobody but its owner knows what in it is free, and discarding the rest would
 * lose it. In the storage what reads as zeros is given back, whatever the volume is.
 */
import { CodedError } from '../errors';
import { passesDiscards } from '../luks/mapping';
import { trimFilesystem } from '../mount/trim';
import type { Call, VolumeDeps } from './context';
import { mappingOf } from './open';
import { requireVolume } from './records';
import { knownVolume } from './staged-volume';
import { requireVolumeAt } from './where';

export interface ReclaimRequest {
  readonly volumeId: string;
  /** Where the volume is staged or published. */
  readonly path: string;
  readonly wantsBlock: boolean;
}

/** Bytes that the volume takes in its storage; undefined where that cannot be told. */
export interface ReclaimedSpace {
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/**
 * Trims the mounted file system of the volume. Stands in the way of no other operation on it.
 * @throws CodedError VOLUME_NOT_FOUND no such volume, or not at the path; VOLUME_BUSY it is being trimmed;
 * RECLAIM_UNSUPPORTED a block volume; DISCARDS_OFF; TOOL_FAILED, TOOL_TIMEOUT.
 */
export async function reclaimOnNode(deps: VolumeDeps, request: ReclaimRequest, call: Call): Promise<ReclaimedSpace> {
  const { volumeId, path, wantsBlock } = request;
  const { accessType } = await knownVolume(deps, volumeId);
  if (wantsBlock || accessType === 'block') throw unsupported(`volume ${volumeId} is a block volume`);
  const mapping = await mappingOf(volumeId);
  if (!mapping) throw notStaged(volumeId);
  await requireVolumeAt(mapping, volumeId, path);
  if (!(await passesDiscards(mapping))) throw discardsOff(volumeId);
  // A key of its own: trimming a large volume takes long, and a Pod that starts meanwhile must not wait for it.
  return deps.locks.run(`${volumeId} reclaim`, 'NodeReclaimSpace', async () => {
    const { images } = deps.backEnd;
    const before = await images.storedBytes?.({ kind: 'volume', id: volumeId });
    await trimFilesystem(deps.run, path, call.signal);
    return { before, after: await images.storedBytes?.({ kind: 'volume', id: volumeId }) };
  });
}

/**
 * Lets the storage give back what reads as zeros, whether the volume is in use or not. Stands in the way of no other
 * operation on it. Of encrypted data those are the parts that were discarded, and those that were never written.
 * @throws CodedError VOLUME_NOT_FOUND; VOLUME_BUSY it is under way; RECLAIM_UNSUPPORTED a back end that keeps no zeros; CEPH_*.
 */
export async function reclaimInStorage(deps: VolumeDeps, volumeId: string): Promise<void> {
  const { images } = deps.backEnd;
  await requireVolume(deps, volumeId);
  if (!images.reclaim) {
    throw unsupported(
      `the storage of volume ${volumeId} frees space when the file system discards it, and not otherwise`,
    );
  }
  await deps.locks.run(`${volumeId} reclaim`, 'ControllerReclaimSpace', async () => {
    await images.reclaim?.({ kind: 'volume', id: volumeId });
  });
}

function unsupported(message: string): CodedError {
  return new CodedError('RECLAIM_UNSUPPORTED', message, {
    remedy: 'Nothing was done; the volumes with a file system are trimmed where they are in use.',
  });
}

function notStaged(volumeId: string): CodedError {
  return new CodedError('VOLUME_NOT_STAGED', `volume ${volumeId} is not open on this node`, {
    remedy: 'Space is reclaimed while a Pod uses the volume.',
  });
}

function discardsOff(volumeId: string): CodedError {
  return new CodedError('DISCARDS_OFF', `the mapping of volume ${volumeId} passes no discards on to the storage`, {
    remedy:
      'Set encryptionDiscards: "true" in the class of new volumes; an observer of the storage can then see which sectors are free.',
  });
}
