/** CSI Node: translates requests to operations of volume/ and their results back. */
import { type Node, NodeServiceCapability_RPC_Type as Rpc, VolumeUsage_Unit as Unit } from '../grpc/gen/csi_pb';
import type { Handlers } from '../grpc/service';
import type { VolumeDeps } from '../volume/context';
import { expandOnNode } from '../volume/expand';
import { publishVolume, unpublishVolume } from '../volume/publish';
import { stageVolume } from '../volume/stage';
import { volumeStats } from '../volume/stats';
import { unstageVolume } from '../volume/unstage';
import { bytes, decodeAccess, required, withCall } from './request';
import type { Topology } from './topology';

const capabilities = [
  Rpc.STAGE_UNSTAGE_VOLUME,
  Rpc.GET_VOLUME_STATS,
  Rpc.EXPAND_VOLUME,
  Rpc.VOLUME_CONDITION,
  Rpc.SINGLE_NODE_MULTI_WRITER,
];

export function nodeHandlers(deps: VolumeDeps, nodeId: string, topology: Topology): Handlers<typeof Node> {
  return {
    nodeGetCapabilities: async () => ({
      capabilities: capabilities.map((type) => ({ type: { case: 'rpc', value: { type } } })),
    }),

    nodeGetInfo: async () => ({ nodeId, accessibleTopology: topology.own }),

    nodeStageVolume: (request, { signal }) =>
      withCall(request.secrets, signal, async (call) => {
        const volumeId = required(request.volumeId, 'volume_id');
        const stagingPath = required(request.stagingTargetPath, 'staging_target_path');
        const { singleTarget: _publish, ...access } = decodeAccess(request.volumeCapability);
        await stageVolume(deps, { volumeId, stagingPath, ...access }, call);
        return {};
      }),

    nodeUnstageVolume: async (request) => {
      const volumeId = required(request.volumeId, 'volume_id');
      await unstageVolume(deps, volumeId, required(request.stagingTargetPath, 'staging_target_path'));
      return {};
    },

    nodePublishVolume: async (request) => {
      const volumeId = required(request.volumeId, 'volume_id');
      const targetPath = required(request.targetPath, 'target_path');
      const access = decodeAccess(request.volumeCapability);
      const { stagingTargetPath: stagingPath } = request;
      await publishVolume(deps, {
        volumeId,
        targetPath,
        stagingPath,
        ...access,
        readOnly: request.readonly || access.readOnly,
      });
      return {};
    },

    nodeUnpublishVolume: async (request) => {
      const volumeId = required(request.volumeId, 'volume_id');
      await unpublishVolume(deps, volumeId, required(request.targetPath, 'target_path'));
      return {};
    },

    nodeGetVolumeStats: async (request) => {
      const volumeId = required(request.volumeId, 'volume_id');
      const { usage, condition } = await volumeStats(deps, volumeId, required(request.volumePath, 'volume_path'));
      return {
        volumeCondition: condition,
        usage: usage.map((each) => ({
          unit: each.unit === 'bytes' ? Unit.BYTES : Unit.INODES,
          total: BigInt(each.total),
          used: BigInt(each.used),
          available: BigInt(each.available),
        })),
      };
    },

    nodeExpandVolume: async (request) => {
      const volumeId = required(request.volumeId, 'volume_id');
      const volumePath = required(request.volumePath, 'volume_path');
      const requiredBytes = bytes(request.capacityRange?.requiredBytes, 'required_bytes');
      const limitBytes = bytes(request.capacityRange?.limitBytes, 'limit_bytes');
      const sizeBytes = await expandOnNode(deps, volumeId, volumePath, { requiredBytes, limitBytes });
      return { capacityBytes: BigInt(sizeBytes) };
    },
  };
}
