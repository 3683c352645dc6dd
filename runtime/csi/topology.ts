/** Volumes of a node-local back end are reachable from one node: the segment that says so. */
import { nodeTopologyKey } from '../../lib/schema/names';
import { CodedError } from '../errors';
import type { Topology as TopologyMessage, TopologyRequirement } from '../grpc/gen/csi_pb';

export interface Topology {
  readonly own: { readonly segments: Record<string, string> };
  isOwn(topology: TopologyMessage): boolean;
  /** @throws CodedError VOLUME_ELSEWHERE when the volume has to be reachable from other nodes only. */
  requireReachable(requirement: TopologyRequirement | undefined): void;
}

export function nodeTopology(driverName: string, nodeId: string): Topology {
  const key = nodeTopologyKey(driverName);
  const isOwn = ({ segments }: TopologyMessage) => segments[key] === nodeId;
  return {
    own: { segments: { [key]: nodeId } },
    isOwn,
    requireReachable: (requirement) => {
      const requisite = requirement?.requisite ?? [];
      if (requisite.length === 0 || requisite.some(isOwn)) return;
      throw new CodedError(
        'VOLUME_ELSEWHERE',
        `the volume must be reachable from other nodes, and volumes made here are reachable from ${nodeId} only`,
        {
          remedy:
            'Let the provisioner of the node that was chosen make the volume (--node-deployment, WaitForFirstConsumer).',
        },
      );
    },
  };
}
