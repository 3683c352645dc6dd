/**
 * NodeStageVolume: note what Unstage needs → get the key → attach → first use → check the header → open → filesystem →
 * mount → grow. The list is run whole each time; a step that finds its work truly done skips it.
 */
import type { AccessType, FsType, VolumeRecord } from '../device/record';
import { CodedError } from '../errors';
import { mappingDevice, mappingName } from '../luks/mapping';
import type { Secret } from '../secret';
import type { Call, VolumeDeps } from './context';
import { ensureFilesystem, filesystemMount, growFilesystem, mountFilesystem } from './filesystem';
import { initialise } from './initialise';
import { keyOf } from './keys';
import { mappingOf, mapsDevice, openMapping, requireSoundHeader } from './open';
import { requireVolume, updateEncryption } from './records';
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
    else await grow(deps, record, request, mappingDevice(mappingName(record.id)));
  });
}

async function stage(deps: VolumeDeps, record: VolumeRecord, request: StageRequest, call: Call): Promise<void> {
  const { id } = record;
  const image = { kind: 'volume', id } as const;
  let encryption = record.encryption;
  let device = '';
  let mapped = '';
  let dek: Secret | undefined;
  const key = () => dek ?? unreachable();
  try {
    await runSteps(
      [
        step('record', () => deps.stages.put({ version: 1, ...stageRecordOf(request) })),
        step('key', async () => {
          dek = (await keyOf(deps, image, encryption, call).fetch()).dek;
        }),
        step('attach', async () => {
          device = await deps.backEnd.devices.attach(id, call.signal);
          await deps.backEnd.devices.refreshSize(id);
        }),
        step('initialise', async () => {
          encryption = await initialise(deps, id, encryption, device, key());
        }),
        step('open', async () => {
          await requireSoundHeader(deps, id, encryption, device);
          mapped = await openMapping(deps, id, encryption, device, key());
        }),
        step('filesystem', async () => {
          if (record.accessType === 'mount') await ensureFilesystem(deps, record, encryption.phase, mapped);
          // From here on the volume may hold data. This is written before it can be mounted or published.
          if (encryption.phase !== 'ready')
            await updateEncryption(deps, image, (latest) => ({ ...latest, phase: 'ready' }));
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

async function grow(deps: VolumeDeps, record: VolumeRecord, request: StageRequest, mapped: string): Promise<void> {
  if (record.accessType === 'mount' && !request.readOnly)
    await growFilesystem(deps, record, request.stagingPath, mapped);
}

function requireFitting(record: VolumeRecord, request: StageRequest): void {
  if (record.accessType !== request.accessType) {
    throw new CodedError(
      'REQUEST_INVALID',
      `volume ${record.id} is a ${record.accessType} volume, the request wants ${request.accessType}`,
      {
        remedy: 'Use the volume mode with which the claim was made.',
      },
    );
  }
  if (request.fsType && record.fsType !== request.fsType) {
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
  if (mapping.sizeBytes < record.sizeBytes || !(await mapsDevice(mapping, encryption, device))) return false;
  return record.accessType === 'block' || deps.mounts.isMounted(filesystemMount(record, request, mapping.device));
}

/** Staged with other arguments is AlreadyExists; a record that a crash left behind is not: nothing of it is mounted. */
async function requireNotStagedOtherwise(deps: VolumeDeps, request: StageRequest): Promise<void> {
  const present = await deps.stages.get(request.volumeId);
  const wanted = stageRecordOf(request);
  if (!present || JSON.stringify(present) === JSON.stringify({ version: 1, ...wanted })) return;
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
