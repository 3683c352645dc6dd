/** CSI Node: translates requests to operations of volume/ and their results back. */
import { type Node, NodeServiceCapability_RPC_Type as Rpc, VolumeUsage_Unit as Unit } from '../grpc/gen/csi_pb';
import type { Handlers } from '../grpc/service';
import { expandOnNode } from '../volume/expand';
import { publishVolume, unpublishVolume } from '../volume/publish';
import { stageVolume } from '../volume/stage';
import { volumeStats } from '../volume/stats';
import { unstageVolume } from '../volume/unstage';
import { bytes, decodeAccess, required } from './request';
import type { Topology } from './topology';
import { type CsiDeps, onVolume } from './volume-calls';

const capabilities = [
  Rpc.STAGE_UNSTAGE_VOLUME,
  Rpc.GET_VOLUME_STATS,
  Rpc.EXPAND_VOLUME,
  Rpc.VOLUME_CONDITION,
  Rpc.SINGLE_NODE_MULTI_WRITER,
];

export function nodeHandlers(deps: CsiDeps, nodeId: string, topology: Topology): Handlers<typeof Node> {
  const [own] = topology.segments;
  return {
    nodeGetCapabilities: async () => ({
      capabilities: capabilities.map((type) => ({ type: { case: 'rpc', value: { type } } })),
    }),

    nodeGetInfo: async () => ({ nodeId, ...(own && { accessibleTopology: own }) }),

    nodeStageVolume: async (request, { signal }) => {
      const volumeId = required(request.volumeId, 'volume_id');
      const stagingPath = required(request.stagingTargetPath, 'staging_target_path');
      const { singleTarget: _publish, ...access } = decodeAccess(request.volumeCapability);
      const { secrets, volumeContext: context } = request;
      return onVolume(deps, { id: volumeId, secrets, context, signal }, async (volumeDeps, call) => {
        await stageVolume(volumeDeps, { volumeId, stagingPath, ...access }, call);
        return {};
      });
    },

    nodeUnstageVolume: async (request) => {
      const volumeId = required(request.volumeId, 'volume_id');
      const stagingPath = required(request.stagingTargetPath, 'staging_target_path');
      await onVolume(deps, { id: volumeId }, (volumeDeps) => unstageVolume(volumeDeps, volumeId, stagingPath));
      return {};
    },

    nodePublishVolume: async (request) => {
      const volumeId = required(request.volumeId, 'volume_id');
      const targetPath = required(request.targetPath, 'target_path');
      const access = decodeAccess(request.volumeCapability);
      const { stagingTargetPath: stagingPath, secrets, volumeContext: context } = request;
      const readOnly = request.readonly || access.readOnly;
      // With podInfoOnMount the kubelet says so.
      const podNamespace = context['csi.storage.k8s.io/pod.namespace'];
      await onVolume(deps, { id: volumeId, secrets, context }, (volumeDeps) =>
        publishVolume(volumeDeps, { volumeId, targetPath, stagingPath, ...access, readOnly, podNamespace }),
      );
      return {};
    },

    nodeUnpublishVolume: async (request) => {
      const volumeId = required(request.volumeId, 'volume_id');
      const targetPath = required(request.targetPath, 'target_path');
      await onVolume(deps, { id: volumeId }, (volumeDeps) => unpublishVolume(volumeDeps, volumeId, targetPath));
      return {};
    },

    nodeGetVolumeStats: async (request) => {
      const volumeId = required(request.volumeId, 'volume_id');
      const volumePath = required(request.volumePath, 'volume_path');
      const { usage, condition } = await onVolume(deps, { id: volumeId }, (volumeDeps) =>
        volumeStats(volumeDeps, volumeId, volumePath),
      );
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
      const sizeBytes = await onVolume(deps, { id: volumeId, secrets: request.secrets }, (volumeDeps) =>
        expandOnNode(volumeDeps, volumeId, volumePath, { requiredBytes, limitBytes }),
      );
      return { capacityBytes: BigInt(sizeBytes) };
    },
  };
}
