/** From which nodes volumes are reachable: from one, named by a segment, or from all, where nothing needs to be said. */
import { nodeTopologyKey } from '../../lib/schema/names';
import { CodedError } from '../errors';
import type { Topology as TopologyMessage, TopologyRequirement } from '../grpc/gen/csi_pb';

export interface Topology {
  /** What a volume or node is given; none when every node reaches every volume. */
  readonly segments: { readonly segments: Record<string, string> }[];
  isOwn(topology: TopologyMessage): boolean;
  /** @throws CodedError VOLUME_ELSEWHERE when the volume has to be reachable from other nodes only. */
  requireReachable(requirement: TopologyRequirement | undefined): void;
}

export function nodeTopology(driverName: string, nodeId: string): Topology {
  const key = nodeTopologyKey(driverName);
  const isOwn = ({ segments }: TopologyMessage) => segments[key] === nodeId;
  return {
    segments: [{ segments: { [key]: nodeId } }],
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

export const everywhere: Topology = { segments: [], isOwn: () => true, requireReachable: () => undefined };
