/** CSI-Addons ReclaimSpace: what a volume no longer uses goes back to the storage. */
import { invalid, required } from '../csi/request';
import { type CsiDeps, onVolume } from '../csi/volume-calls';
import type { ReclaimSpaceController, ReclaimSpaceNode } from '../grpc/gen/csi_addons_reclaim_space_pb';
import type { Handlers } from '../grpc/service';
import { reclaimInStorage, reclaimOnNode } from '../volume/reclaim';

/** Of a volume that is in use here. */
export function reclaimNodeHandlers(deps: CsiDeps): Handlers<typeof ReclaimSpaceNode> {
  return {
    nodeReclaimSpace: async (request, { signal }) => {
      const { volumeId, volumePath, stagingTargetPath, volumeCapability, secrets } = request;
      const id = required(volumeId, 'volume_id');
      // The sidecar leaves volume_path empty, which the specification requires.
      const path = stagingTargetPath || volumePath;
      if (path === '') {
        throw invalid('staging_target_path and volume_path are missing', 'Say where the volume is mounted.');
      }
      const wantsBlock = volumeCapability?.accessType.case === 'block';
      const { before, after } = await onVolume(deps, { id, secrets, signal }, (volumeDeps, call) =>
        reclaimOnNode(volumeDeps, { volumeId: id, path, wantsBlock }, call),
      );
      return { ...usage('preUsage', before), ...usage('postUsage', after) };
    },
  };
}

/** Of a volume in its storage. */
export function reclaimControllerHandlers(deps: CsiDeps): Handlers<typeof ReclaimSpaceController> {
  return {
    controllerReclaimSpace: async ({ volumeId, secrets, parameters: context }) => {
      const id = required(volumeId, 'volume_id');
      // Without the signal: the sidecar gives up after minutes, and what has begun is better ended than begun anew.
      await onVolume(deps, { id, secrets, context }, (volumeDeps) => reclaimInStorage(volumeDeps, id));
      // How much it was would take another visit to every object.
      return {};
    },
  };
}

/** An amount that nobody knows is left out, as the specification allows. */
function usage(field: 'preUsage' | 'postUsage', amount: number | undefined) {
  return amount === undefined ? {} : { [field]: { usageBytes: BigInt(amount) } };
}
