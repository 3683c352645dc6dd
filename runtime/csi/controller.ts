/** CSI Controller: translates requests to operations of volume/ and their results back. */
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { decodeVolumeParameters } from '../../lib/schema/volume-parameters';
import type { ContentSource, SnapshotRecord, VolumeRecord } from '../device/record';
import {
  type CapacityRange,
  type Controller,
  ControllerServiceCapability_RPC_Type as Rpc,
  type VolumeContentSource,
} from '../grpc/gen/csi_pb';
import type { Handlers } from '../grpc/service';
import type { VolumeDeps } from '../volume/context';
import { createVolume } from '../volume/create';
import { deleteSnapshot, deleteVolume } from '../volume/delete';
import { expandImage } from '../volume/expand';
import { listSnapshots, listVolumes } from '../volume/list';
import { requireVolume } from '../volume/records';
import { createSnapshot } from '../volume/snapshot';
import { bytes, decodeAccess, decodeAccesses, decoded, invalid, required, withCall } from './request';
import type { Topology } from './topology';

const capabilities = [
  Rpc.CREATE_DELETE_VOLUME,
  Rpc.LIST_VOLUMES,
  Rpc.GET_CAPACITY,
  Rpc.CREATE_DELETE_SNAPSHOT,
  Rpc.LIST_SNAPSHOTS,
  Rpc.CLONE_VOLUME,
  Rpc.EXPAND_VOLUME,
  Rpc.GET_VOLUME,
  Rpc.SINGLE_NODE_MULTI_WRITER,
];

export function controllerHandlers(deps: VolumeDeps, topology: Topology): Handlers<typeof Controller> {
  const volumeMessage = (record: VolumeRecord) => ({
    volumeId: record.id,
    capacityBytes: BigInt(record.sizeBytes),
    accessibleTopology: [topology.own],
    ...(record.source && { contentSource: sourceMessage(record.source) }),
  });

  return {
    controllerGetCapabilities: async () => ({
      capabilities: capabilities.map((type) => ({ type: { case: 'rpc', value: { type } } })),
    }),

    createVolume: (request, { signal }) =>
      withCall(request.secrets, signal, async (call) => {
        const name = required(request.name, 'name');
        const { accessType, fsType } = decodeAccesses(request.volumeCapabilities);
        if (Object.keys(request.mutableParameters).length > 0) {
          throw invalid('mutable_parameters are not supported', 'Leave out the VolumeAttributesClass.');
        }
        topology.requireReachable(request.accessibilityRequirements);
        const source = decodeSource(request.volumeContentSource);
        const record = await createVolume(
          deps,
          {
            name,
            range: decodeRange(request.capacityRange),
            accessType,
            ...(fsType && { fsType }),
            parameters: decoded(() => decodeVolumeParameters(request.parameters)),
            ...(source && { source }),
          },
          call,
        );
        return { volume: volumeMessage(record) };
      }),

    deleteVolume: (request, { signal }) =>
      withCall(request.secrets, signal, async (call) => {
        await deleteVolume(deps, required(request.volumeId, 'volume_id'), call);
        return {};
      }),

    validateVolumeCapabilities: async (request) => {
      const id = required(request.volumeId, 'volume_id');
      if (request.volumeCapabilities.length === 0)
        throw invalid('volume_capabilities is empty', 'Name at least one capability.');
      const record = await requireVolume(deps, id);
      const { volumeContext, volumeCapabilities, parameters } = request;
      try {
        for (const access of volumeCapabilities.map(decodeAccess)) {
          if (access.accessType !== record.accessType)
            throw invalid(`the volume is a ${record.accessType} volume`, 'Use its mode.');
          if (access.fsType && access.fsType !== record.fsType)
            throw invalid(`the volume has ${record.fsType}`, 'Use it.');
        }
      } catch (error) {
        return { message: error instanceof Error ? error.message : String(error) };
      }
      return { confirmed: { volumeContext, volumeCapabilities, parameters } };
    },

    listVolumes: async (request) => {
      const page = await listVolumes(deps, {
        startingToken: request.startingToken,
        maxEntries: maxEntries(request.maxEntries),
      });
      return { entries: page.records.map((record) => ({ volume: volumeMessage(record) })), nextToken: page.nextToken };
    },

    controllerGetVolume: async (request) => {
      const record = await requireVolume(deps, required(request.volumeId, 'volume_id'));
      return { volume: volumeMessage(record), status: {} };
    },

    getCapacity: async (request) => {
      if (request.accessibleTopology && !topology.isOwn(request.accessibleTopology)) return { availableCapacity: 0n };
      const { availableBytes, maximumImageBytes } = await deps.backEnd.capacity();
      return { availableCapacity: BigInt(availableBytes), maximumVolumeSize: BigInt(maximumImageBytes) };
    },

    createSnapshot: (request, { signal }) =>
      withCall(request.secrets, signal, async (call) => {
        const sourceVolumeId = required(request.sourceVolumeId, 'source_volume_id');
        return {
          snapshot: snapshotMessage(
            await createSnapshot(deps, { name: required(request.name, 'name'), sourceVolumeId }, call),
          ),
        };
      }),

    deleteSnapshot: (request, { signal }) =>
      withCall(request.secrets, signal, async (call) => {
        await deleteSnapshot(deps, required(request.snapshotId, 'snapshot_id'), call);
        return {};
      }),

    listSnapshots: async (request) => {
      const { startingToken, snapshotId, sourceVolumeId } = request;
      const page = await listSnapshots(deps, {
        startingToken,
        maxEntries: maxEntries(request.maxEntries),
        snapshotId,
        sourceVolumeId,
      });
      return {
        entries: page.records.map((record) => ({ snapshot: snapshotMessage(record) })),
        nextToken: page.nextToken,
      };
    },

    controllerExpandVolume: async (request) => {
      const id = required(request.volumeId, 'volume_id');
      if (!request.capacityRange) throw invalid('capacity_range is missing', 'Say which size the volume shall have.');
      const sizeBytes = await expandImage(deps, id, decodeRange(request.capacityRange));
      return { capacityBytes: BigInt(sizeBytes), nodeExpansionRequired: true };
    },
  };
}

function snapshotMessage(record: SnapshotRecord) {
  return {
    snapshotId: record.id,
    sourceVolumeId: record.sourceVolumeId,
    sizeBytes: BigInt(record.sizeBytes),
    creationTime: timestampFromDate(new Date(record.createdAt)),
    readyToUse: record.complete,
  };
}

function sourceMessage({ kind, id }: ContentSource) {
  return kind === 'volume'
    ? ({ type: { case: 'volume', value: { volumeId: id } } } as const)
    : ({ type: { case: 'snapshot', value: { snapshotId: id } } } as const);
}

function decodeSource(source: VolumeContentSource | undefined): ContentSource | undefined {
  if (!source) return undefined;
  switch (source.type.case) {
    case 'volume':
      return { kind: 'volume', id: required(source.type.value.volumeId, 'volume_content_source.volume.volume_id') };
    case 'snapshot':
      return {
        kind: 'snapshot',
        id: required(source.type.value.snapshotId, 'volume_content_source.snapshot.snapshot_id'),
      };
    default:
      throw invalid(
        'volume_content_source names neither a volume nor a snapshot',
        'Set one of them or leave the source out.',
      );
  }
}

function decodeRange(range: CapacityRange | undefined) {
  return {
    requiredBytes: bytes(range?.requiredBytes, 'required_bytes'),
    limitBytes: bytes(range?.limitBytes, 'limit_bytes'),
  };
}

function maxEntries(value: number): number {
  if (value < 0) throw invalid(`max_entries is ${value}`, 'Give 0 for no limit, or a positive number.');
  return value;
}
