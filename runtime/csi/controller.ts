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
import { createVolume } from '../volume/create';
import { deleteSnapshot, deleteVolume } from '../volume/delete';
import { expandImage } from '../volume/expand';
import { listSnapshots, listVolumes } from '../volume/list';
import { requireVolume } from '../volume/records';
import { createSnapshot } from '../volume/snapshot';
import { bytes, decodeAccess, decodeAccesses, decoded, invalid, required } from './request';
import type { Topology } from './topology';
import { type CsiDeps, forClass, onAll, onVolume } from './volume-calls';

const always = [
  Rpc.CREATE_DELETE_VOLUME,
  Rpc.CREATE_DELETE_SNAPSHOT,
  Rpc.CLONE_VOLUME,
  Rpc.EXPAND_VOLUME,
  Rpc.SINGLE_NODE_MULTI_WRITER,
];
/** Calls to which CSI gives no credentials. */
const withoutSecrets = [Rpc.LIST_VOLUMES, Rpc.GET_CAPACITY, Rpc.LIST_SNAPSHOTS, Rpc.GET_VOLUME];

export function controllerHandlers(deps: CsiDeps, topology: Topology): Handlers<typeof Controller> {
  const capabilities = [...always, ...(deps.backEnds.servesLists ? withoutSecrets : [])];
  const volumeMessage = (record: VolumeRecord, volumeContext: Readonly<Record<string, string>> = {}) => ({
    volumeId: record.id,
    capacityBytes: BigInt(record.sizeBytes),
    volumeContext: { ...volumeContext },
    accessibleTopology: topology.segments,
    ...(record.source && { contentSource: sourceMessage(record.source) }),
  });

  return {
    controllerGetCapabilities: async () => ({
      capabilities: capabilities.map((type) => ({ type: { case: 'rpc', value: { type } } })),
    }),

    createVolume: (request, { signal }) => {
      const name = required(request.name, 'name');
      const { accessType, fsType } = decodeAccesses(request.volumeCapabilities);
      if (Object.keys(request.mutableParameters).length > 0) {
        throw invalid('mutable_parameters are not supported', 'Leave out the VolumeAttributesClass.');
      }
      const { parameters, secrets } = request;
      return forClass(deps, parameters, { secrets, signal }, async (volumeDeps, call, otherParameters) => {
        topology.requireReachable(request.accessibilityRequirements);
        const source = decodeSource(request.volumeContentSource);
        const record = await createVolume(
          volumeDeps,
          {
            name,
            range: decodeRange(request.capacityRange),
            accessType,
            ...(fsType && { fsType }),
            parameters: decoded(() => decodeVolumeParameters(otherParameters)),
            ...(source && { source }),
          },
          call,
        );
        return { volume: volumeMessage(record, await volumeDeps.backEnd.volumeContext(record.id)) };
      });
    },

    deleteVolume: (request, { signal }) => {
      const id = required(request.volumeId, 'volume_id');
      return onVolume(deps, { id, secrets: request.secrets, signal }, async (volumeDeps, call) => {
        await deleteVolume(volumeDeps, id, call);
        return {};
      });
    },

    validateVolumeCapabilities: async (request) => {
      const id = required(request.volumeId, 'volume_id');
      if (request.volumeCapabilities.length === 0)
        throw invalid('volume_capabilities is empty', 'Name at least one capability.');
      const record = await onVolume(deps, { id, secrets: request.secrets }, (each) => requireVolume(each, id));
      const { volumeContext, volumeCapabilities, parameters } = request;
      try {
        for (const access of volumeCapabilities.map(decodeAccess)) {
          if (record.accessType !== undefined && access.accessType !== record.accessType)
            throw invalid(`the volume is a ${record.accessType} volume`, 'Use its mode.');
          if (access.fsType && record.fsType !== undefined && access.fsType !== record.fsType)
            throw invalid(`the volume has ${record.fsType}`, 'Use it.');
        }
      } catch (error) {
        return { message: error instanceof Error ? error.message : String(error) };
      }
      return { confirmed: { volumeContext, volumeCapabilities, parameters } };
    },

    listVolumes: async (request) => {
      const wanted = { startingToken: request.startingToken, maxEntries: maxEntries(request.maxEntries) };
      const page = await onAll(deps, {}, (each) => listVolumes(each, wanted));
      return { entries: page.records.map((record) => ({ volume: volumeMessage(record) })), nextToken: page.nextToken };
    },

    controllerGetVolume: async (request) => {
      const id = required(request.volumeId, 'volume_id');
      const record = await onVolume(deps, { id }, (each) => requireVolume(each, id));
      return { volume: volumeMessage(record), status: {} };
    },

    getCapacity: async (request) => {
      if (request.accessibleTopology && !topology.isOwn(request.accessibleTopology)) return { availableCapacity: 0n };
      const capacities =
        Object.keys(request.parameters).length > 0
          ? [await forClass(deps, request.parameters, {}, ({ backEnd }) => backEnd.capacity())]
          : await onAll(deps, {}, (all) => Promise.all(all.map(({ backEnd }) => backEnd.capacity())));
      return {
        availableCapacity: BigInt(capacities.reduce((sum, { availableBytes }) => sum + availableBytes, 0)),
        maximumVolumeSize: BigInt(Math.max(0, ...capacities.map(({ maximumImageBytes }) => maximumImageBytes))),
      };
    },

    createSnapshot: (request, { signal }) => {
      const sourceVolumeId = required(request.sourceVolumeId, 'source_volume_id');
      const name = required(request.name, 'name');
      return onVolume(deps, { id: sourceVolumeId, secrets: request.secrets, signal }, async (volumeDeps, call) => ({
        snapshot: snapshotMessage(await createSnapshot(volumeDeps, { name, sourceVolumeId }, call)),
      }));
    },

    deleteSnapshot: (request, { signal }) => {
      const id = required(request.snapshotId, 'snapshot_id');
      return onVolume(deps, { id, secrets: request.secrets, signal }, async (volumeDeps, call) => {
        await deleteSnapshot(volumeDeps, id, call);
        return {};
      });
    },

    listSnapshots: async (request) => {
      const { startingToken, snapshotId, sourceVolumeId } = request;
      const wanted = { startingToken, maxEntries: maxEntries(request.maxEntries), snapshotId, sourceVolumeId };
      const page = await onAll(deps, request.secrets, (each) => listSnapshots(each, wanted));
      return {
        entries: page.records.map((record) => ({ snapshot: snapshotMessage(record) })),
        nextToken: page.nextToken,
      };
    },

    controllerExpandVolume: async (request, { signal }) => {
      const id = required(request.volumeId, 'volume_id');
      if (!request.capacityRange) throw invalid('capacity_range is missing', 'Say which size the volume shall have.');
      const range = decodeRange(request.capacityRange);
      const sizeBytes = await onVolume(deps, { id, secrets: request.secrets, signal }, (each) =>
        expandImage(each, id, range),
      );
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
