/**
 * CreateVolume: reserve the name → write the record → make the key → make the image → mark as complete.
 * The key exists before the image, so there is no moment at which data could be written under no key.
 */
import { randomUUID } from 'node:crypto';
import type { VolumeParameters } from '../../lib/schema/volume-parameters';
import type { AccessType, ContentSource, FsType, SnapshotRecord, VolumeRecord } from '../device/record';
import { CodedError, isCoded, toCoded } from '../errors';
import { headerBytes } from '../luks/cryptsetup';
import type { Call, VolumeDeps } from './context';
import { copyImage } from './copy';
import { discardUnfinished } from './delete';
import { imageBytes } from './geometry';
import { inherited } from './inherited';
import { keyOf } from './keys';
import { requireRecord, requireVolume, snapshotNotFound } from './records';
import { type CapacityRange, chooseSize, fits } from './size';
import { runSteps, step } from './steps';

export interface CreateRequest {
  readonly name: string;
  readonly range: CapacityRange;
  readonly accessType: AccessType;
  /** Only with access type `mount`. */
  readonly fsType?: FsType;
  readonly parameters: VolumeParameters;
  readonly source?: ContentSource;
}

/**
 * Makes the volume, or finishes making it, or gives the one that exists.
 * @throws CodedError VOLUME_EXISTS (same name, other properties), CAPACITY_OUT_OF_RANGE, STORAGE_FULL, VOLUME_NOT_FOUND and
 * SNAPSHOT_NOT_FOUND (source), REQUEST_INVALID (source of another kind, integrity where it is not offered), VOLUME_BUSY, KMS_*.
 */
export async function createVolume(deps: VolumeDeps, request: CreateRequest, call: Call): Promise<VolumeRecord> {
  return deps.locks.run(`name ${request.name}`, 'CreateVolume', async () => {
    const source = request.source && (await requireSource(deps, request.source));
    // Everything that can be refused is refused before the first trace of the volume exists.
    requireIntegrityFits(deps, request);
    const sizeBytes = sizeFor(request, source);
    deps.kms.get(request.parameters.kmsId);
    const id = await deps.backEnd.volumes.reserve(request.name);
    return deps.locks.run(id, 'CreateVolume', () => create(deps, id, request, source, sizeBytes, call));
  });
}

async function create(
  deps: VolumeDeps,
  id: string,
  request: CreateRequest,
  source: VolumeRecord | SnapshotRecord | undefined,
  sizeBytes: number,
  call: Call,
): Promise<VolumeRecord> {
  const present = await deps.backEnd.volumes.get(id);
  if (present) requireSameRequest(present, request);
  if (present?.complete) return present;
  const record = present ?? newRecord(deps, id, request, source, sizeBytes);
  const image = { kind: 'volume', id } as const;

  const steps = [
    step('record', () => (present ? Promise.resolve() : deps.backEnd.volumes.put(record))),
    step('key', async () => {
      // A layered copy gets its source's, in one step with the image.
      if (record.encryption.inheritedUuid === undefined)
        (await keyOf(deps, image, record.encryption, call).ensure()).dek.zero();
    }),
    step('image', async () => {
      if (source && request.source)
        await copyImage(deps, { image: request.source, record: source }, { image, record }, call);
      await deps.backEnd.images.allocate(image, imageBytes(record));
    }),
    step('complete', async () => {
      await deps.backEnd.volumes.update(id, (latest) => ({ ...latest, complete: true }));
    }),
  ];
  try {
    await runSteps(steps, { operation: 'create', volumeId: id, log: deps.log, signal: call.signal });
  } catch (error) {
    // An image of somebody else under the volume's name is not ours to remove.
    if (!toCoded(error).retryable && !isCoded(error, 'IMAGE_FOREIGN'))
      await discardUnfinished(deps, image, record, call);
    throw error;
  }
  return requireVolume(deps, id);
}

/** Which filesystem another driver made on the source is seen at the first stage only. */
function fsTypeFor(
  request: CreateRequest,
  source: VolumeRecord | SnapshotRecord | undefined,
): { readonly fsType?: FsType } {
  const known = request.fsType ?? source?.fsType;
  if (known !== undefined) return { fsType: known };
  return source?.encryption.foreign ? {} : { fsType: 'ext4' };
}

function newRecord(
  deps: VolumeDeps,
  id: string,
  request: CreateRequest,
  source: VolumeRecord | SnapshotRecord | undefined,
  sizeBytes: number,
): VolumeRecord {
  const { parameters } = request;
  return {
    id,
    name: request.name,
    createdAt: deps.now().toISOString(),
    sizeBytes,
    accessType: request.accessType,
    ...(request.accessType === 'mount' && fsTypeFor(request, source)),
    ...(parameters.mkfsOptions !== undefined && { mkfsOptions: parameters.mkfsOptions }),
    ...(parameters.className !== undefined && { className: parameters.className }),
    ...(request.source && { source: request.source }),
    complete: false,
    encryption: {
      kmsId: parameters.kmsId,
      owner: parameters.owner ?? '',
      luksUuid: randomUUID(),
      // A copy takes the header of its source with it: cipher and sector size cannot differ.
      luks: source?.encryption.luks ?? parameters.luks,
      headerBytes,
      phase: 'prepared',
      fsUuid: randomUUID(),
      ...(source && inherited(deps, source)),
    },
  };
}

/** Formatting with integrity writes the whole device, so that the sparse file of a node-local volume is full at once. */
function requireIntegrityFits({ backEnd }: VolumeDeps, { parameters }: CreateRequest): void {
  if (parameters.luks.integrity === undefined || backEnd.reach === 'cluster') return;
  throw new CodedError('REQUEST_INVALID', 'integrityMode is not offered for node-local volumes', {
    remedy: 'Leave integrityMode out of the class, or use the back end rbd.',
  });
}

function sizeFor(request: CreateRequest, source: VolumeRecord | SnapshotRecord | undefined): number {
  const { range, accessType, fsType } = request;
  if (!source) return chooseSize(range, accessType, fsType);
  const otherType = source.accessType !== undefined && source.accessType !== accessType;
  if (otherType || (fsType && source.fsType !== undefined && source.fsType !== fsType)) {
    throw new CodedError(
      'REQUEST_INVALID',
      `the source holds a ${source.fsType ?? 'raw block'} volume, the request asks for ${accessType === 'block' ? 'raw block' : (fsType ?? 'a filesystem')}`,
      { remedy: 'Ask for the volume mode and filesystem of the source.' },
    );
  }
  const requiredBytes = range.requiredBytes || source.sizeBytes;
  if (requiredBytes < source.sizeBytes || (range.limitBytes && range.limitBytes < source.sizeBytes)) {
    throw new CodedError(
      'CAPACITY_OUT_OF_RANGE',
      `the source has ${source.sizeBytes} bytes, the request allows fewer`,
      {
        remedy: 'Ask for at least the size of the source.',
      },
    );
  }
  return chooseSize({ ...range, requiredBytes }, accessType, source.fsType);
}

async function requireSource(deps: VolumeDeps, source: ContentSource): Promise<VolumeRecord | SnapshotRecord> {
  if (source.kind === 'volume') return requireVolume(deps, source.id);
  const record = await requireRecord(deps, source);
  if (!record.complete) throw snapshotNotFound(source.id);
  return record;
}

/** The same name must mean the same volume (CSI: AlreadyExists otherwise). */
function requireSameRequest(present: VolumeRecord, request: CreateRequest): void {
  const differing = [
    !fits(present.sizeBytes, request.range) && `its size is ${present.sizeBytes} bytes`,
    present.accessType !== undefined &&
      present.accessType !== request.accessType &&
      `its access type is ${present.accessType}`,
    request.fsType &&
      present.accessType !== undefined &&
      present.fsType !== request.fsType &&
      `its filesystem is ${present.fsType ?? 'none'}`,
    present.encryption.kmsId !== request.parameters.kmsId && `its encryptionKMSID is ${present.encryption.kmsId}`,
    present.encryption.owner !== (request.parameters.owner ?? '') && 'it belongs to another namespace',
    (present.source?.kind !== request.source?.kind || present.source?.id !== request.source?.id) &&
      `its source is ${present.source ? `${present.source.kind} ${present.source.id}` : 'none'}`,
  ].filter((each) => typeof each === 'string');
  if (differing.length > 0) {
    throw new CodedError('VOLUME_EXISTS', `a volume named ${present.name} exists, but ${differing.join(', ')}`, {
      remedy: 'Use another name, or the properties of the volume that exists.',
    });
  }
}
