/**
 * NodeStageVolume: note what Unstage needs → get the key → attach → first use → own header of a copy → check the header →
 * open → filesystem → mount → grow. The list is run whole each time; a step that finds its work truly done skips it.
 */
import type { AccessType, EncryptionRecord, FsType, VolumeRecord } from '../device/record';
import { CodedError } from '../errors';
import { mappingDevice, mappingName } from '../luks/mapping';
import type { Secret } from '../secret';
import type { Call, VolumeDeps } from './context';
import { ensureFilesystem, filesystemMount, growFilesystem, mountFilesystem } from './filesystem';
import { learnFilesystem, learnHeader } from './foreign';
import { mappedBytes } from './geometry';
import { asSeen } from './inherited';
import { initialise } from './initialise';
import { keyOf } from './keys';
import { mappingOf, mapsDevice, openMapping, requireSoundHeader } from './open';
import { takeOwnHeader } from './own-header';
import { requireVolume } from './records';
import { runSteps, step } from './steps';
import { undoStage } from './unstage';

export interface StageRequest {
  readonly volumeId: string;
  readonly stagingPath: string;
  readonly accessType: AccessType;
  readonly fsType?: FsType;
  readonly readOnly: boolean;
  readonly mountFlags: readonly string[];
}

/**
 * @throws CodedError VOLUME_NOT_FOUND, REQUEST_INVALID, MOUNT_CONFLICT (staged otherwise), VOLUME_BUSY, KMS_*, LUKS_*,
 * DEVICE_*, FILESYSTEM_*.
 */
export async function stageVolume(deps: VolumeDeps, request: StageRequest, call: Call): Promise<void> {
  await deps.locks.run(request.volumeId, 'NodeStageVolume', async () => {
    const record = await requireVolume(deps, request.volumeId);
    requireFitting(record, request);
    await requireNotStagedOtherwise(deps, request);
    if (!(await isStaged(deps, record, request))) await stage(deps, record, request, call);
    // Whoever was killed may have mounted it and not yet let it grow.
    else await grow(deps, as(record, request), request, mappingDevice(mappingName(record.id)));
  });
}

async function stage(deps: VolumeDeps, stored: VolumeRecord, request: StageRequest, call: Call): Promise<void> {
  const { id } = stored;
  const image = { kind: 'volume', id } as const;
  let record = as(stored, request);
  let { encryption } = record;
  let device = '';
  let mapped = '';
  let dek: Secret | undefined;
  const key = () => dek ?? unreachable();
  const open = async (now: EncryptionRecord) => {
    await requireSoundHeader(deps, id, now, device);
    return openMapping(deps, id, now, device, key());
  };
  try {
    await runSteps(
      [
        step('record', () => deps.stages.put({ version: 1, ...stageRecordOf(request), volume: record })),
        step('key', async () => {
          dek = (await keyOf(deps, image, encryption, call).fetch()).dek;
        }),
        step('attach', async () => {
          const wasAttached = (await deps.backEnd.devices.find(id)) !== undefined;
          device = await deps.backEnd.devices.attach(id, call.signal);
          // One that is attached only now has the size of its image.
          if (wasAttached) await deps.backEnd.devices.refreshSize(id);
        }),
        step('initialise', async () => {
          encryption = await learnHeader(deps, id, encryption, device, call);
          encryption = await initialise(deps, id, encryption, device, key(), open);
        }),
        step('own-header', async () => {
          if (encryption.inheritedUuid === undefined) return;
          if (!request.readOnly && !(await mappingOf(id))) {
            encryption = await takeOwnHeader(deps, id, encryption, device, call);
            dek?.zero();
            dek = (await keyOf(deps, image, encryption, call).fetch()).dek;
          }
          encryption = await asSeen(encryption, device);
        }),
        step('open', async () => {
          mapped = await open(encryption);
        }),
        step('filesystem', async () => {
          record = { ...record, encryption };
          if (record.accessType === 'mount') record = await withFilesystem(deps, record, device, mapped);
          // From here on the volume may hold data. This is written before it can be mounted or published.
          if (encryption.phase !== 'ready' || encryption.foreign) record = await noteReady(deps, record);
          await deps.stages.put({ version: 1, ...stageRecordOf(request), volume: record });
        }),
        step('mount', async () => {
          if (record.accessType === 'mount') await mountFilesystem(deps, record, request, mapped);
        }),
        step('grow', () => grow(deps, record, request, mapped)),
      ],
      { operation: 'stage', volumeId: id, log: deps.log, signal: call.signal },
    );
  } catch (error) {
    await undoStage(deps, id);
    throw error;
  } finally {
    dek?.zero();
  }
}

/** What another driver did not note of its volume, the request says. */
function as(record: VolumeRecord, { accessType, fsType }: StageRequest): VolumeRecord {
  if (record.accessType !== undefined) return record;
  return { ...record, accessType, ...(accessType === 'mount' && fsType && { fsType }) };
}

/** The record with its filesystem, which is there afterwards. */
async function withFilesystem(
  deps: VolumeDeps,
  record: VolumeRecord,
  device: string,
  mapped: string,
): Promise<VolumeRecord> {
  const { encryption } = record;
  if (!encryption.foreign) {
    await ensureFilesystem(deps, record, encryption.phase, mapped);
    return record;
  }
  const { fsType, fsUuid, exists } = await learnFilesystem(deps, record, device, mapped);
  const learnt: VolumeRecord = { ...record, fsType: record.fsType ?? fsType, encryption: { ...encryption, fsUuid } };
  await ensureFilesystem(deps, learnt, exists ? 'ready' : 'formatted', mapped);
  return learnt;
}

function noteReady(
  deps: VolumeDeps,
  { id, accessType, fsType, encryption: { fsUuid } }: VolumeRecord,
): Promise<VolumeRecord> {
  return deps.backEnd.volumes.update(id, ({ encryption: { foreign: _learnt, ...encryption }, ...latest }) => ({
    ...latest,
    ...(accessType && { accessType }),
    ...(fsType && { fsType }),
    encryption: { ...encryption, fsUuid, phase: 'ready' },
  }));
}

async function grow(deps: VolumeDeps, record: VolumeRecord, request: StageRequest, mapped: string): Promise<void> {
  if (record.accessType === 'mount' && !request.readOnly)
    await growFilesystem(deps, record, request.stagingPath, mapped);
}

function requireFitting(record: VolumeRecord, request: StageRequest): void {
  if (record.accessType !== undefined && record.accessType !== request.accessType) {
    throw new CodedError(
      'REQUEST_INVALID',
      `volume ${record.id} is a ${record.accessType} volume, the request wants ${request.accessType}`,
      {
        remedy: 'Use the volume mode with which the claim was made.',
      },
    );
  }
  if (request.fsType && record.fsType !== undefined && record.fsType !== request.fsType) {
    throw new CodedError(
      'REQUEST_INVALID',
      `volume ${record.id} has ${record.fsType}, the request wants ${request.fsType}`,
      {
        remedy: 'Use the filesystem with which the claim was made.',
      },
    );
  }
}

/**
 * Whether the volume is staged exactly so. The kubelet repeats calls, and a repeat must not need the KMS.
 * @throws CodedError MOUNT_CONFLICT when something else is mounted at the staging path.
 */
async function isStaged(deps: VolumeDeps, record: VolumeRecord, request: StageRequest): Promise<boolean> {
  const { encryption, id } = record;
  const [staged, mapping, device] = [
    await deps.stages.get(id),
    await mappingOf(id),
    await deps.backEnd.devices.find(id),
  ];
  if (!staged || !mapping || device === undefined || mapping.suspended || encryption.phase !== 'ready') return false;
  if (mapping.sizeBytes < mappedBytes(record) || !(await mapsDevice(mapping, encryption, device))) return false;
  return request.accessType === 'block' || deps.mounts.isMounted(filesystemMount(record, request, mapping.device));
}

/** Staged with other arguments is AlreadyExists; a record that a crash left behind is not: nothing of it is mounted. */
async function requireNotStagedOtherwise(deps: VolumeDeps, request: StageRequest): Promise<void> {
  const present = await deps.stages.get(request.volumeId);
  const wanted = stageRecordOf(request);
  if (!present) return;
  const { volume: _known, ...as } = present;
  if (JSON.stringify(as) === JSON.stringify({ version: 1, ...wanted })) return;
  if (!(await mappingOf(request.volumeId))) return;
  throw new CodedError(
    'MOUNT_CONFLICT',
    `volume ${request.volumeId} is staged at ${present.stagingPath} with other arguments`,
    {
      remedy: 'Unstage it first, or stage it with the same path, capability and flags.',
    },
  );
}

function stageRecordOf({ volumeId, stagingPath, accessType, readOnly, mountFlags }: StageRequest) {
  return { volumeId, stagingPath, accessType, readOnly, mountFlags: [...mountFlags] };
}

function unreachable(): never {
  throw new Error('the key step runs before every step that needs the key');
}
