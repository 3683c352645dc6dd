/**
 * What the node knows of a volume that it staged. Calls to which CSI gives no credentials (publish, stats) read it here
 * where the record is in a cluster; a node-local record is read where it is.
 */
import type { VolumeRecord } from '../device/record';
import type { VolumeDeps } from './context';
import { requireVolume } from './records';

/** @throws CodedError VOLUME_NOT_FOUND. */
export async function knownVolume(deps: VolumeDeps, id: string): Promise<VolumeRecord> {
  const staged = deps.backEnd.reach === 'cluster' ? (await deps.stages.get(id))?.volume : undefined;
  return staged ?? requireVolume(deps, id);
}

/** Notes anew what the node knows, when the volume is staged here. */
export async function refreshStaged(deps: VolumeDeps, id: string): Promise<void> {
  const staged = await deps.stages.get(id);
  if (staged) await deps.stages.put({ ...staged, volume: await requireVolume(deps, id) });
}
