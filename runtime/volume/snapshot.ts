/** CreateSnapshot: a snapshot is an image of its own with a key of its own in the KMS of its source. */
import { randomUUID } from 'node:crypto';
import type { SnapshotRecord, VolumeRecord } from '../device/record';
import { CodedError, toCoded } from '../errors';
import { headerBytes } from '../luks/cryptsetup';
import type { Call, VolumeDeps } from './context';
import { copyImage } from './copy';
import { discardUnfinished } from './delete';
import { imageBytes } from './geometry';
import { inherited } from './inherited';
import { keyOf } from './keys';
import { requireVolume, snapshotNotFound } from './records';
import { runSteps, step } from './steps';

export interface SnapshotRequest {
  readonly name: string;
  readonly sourceVolumeId: string;
}

/** @throws CodedError SNAPSHOT_EXISTS (same name, other source), VOLUME_NOT_FOUND, VOLUME_BUSY, STORAGE_FULL, KMS_*. */
export async function createSnapshot(deps: VolumeDeps, request: SnapshotRequest, call: Call): Promise<SnapshotRecord> {
  return deps.locks.run(`name ${request.name}`, 'CreateSnapshot', async () => {
    const source = await requireVolume(deps, request.sourceVolumeId);
    const id = await deps.backEnd.snapshots.reserve(request.name);
    return deps.locks.run(id, 'CreateSnapshot', () => create(deps, id, request, source, call));
  });
}

async function create(
  deps: VolumeDeps,
  id: string,
  request: SnapshotRequest,
  source: VolumeRecord,
  call: Call,
): Promise<SnapshotRecord> {
  const { snapshots, images } = deps.backEnd;
  const present = await snapshots.get(id);
  if (present && present.sourceVolumeId !== source.id) {
    throw new CodedError(
      'SNAPSHOT_EXISTS',
      `a snapshot named ${request.name} exists, of volume ${present.sourceVolumeId}`,
      {
        remedy: 'Use another name.',
      },
    );
  }
  if (present?.complete) return present;
  const record = present ?? newRecord(deps, id, request, source);
  const image = { kind: 'snapshot', id } as const;

  const steps = [
    step('record', () => (present ? Promise.resolve() : snapshots.put(record))),
    step('key', async () => {
      if (record.encryption.inheritedUuid === undefined)
        (await keyOf(deps, image, record.encryption, call).ensure()).dek.zero();
    }),
    step('image', async () => {
      await copyImage(deps, { image: { kind: 'volume', id: source.id }, record: source }, { image, record }, call);
      await images.allocate(image, imageBytes(record));
    }),
    step('complete', async () => {
      await snapshots.update(id, (latest) => ({ ...latest, complete: true }));
    }),
  ];
  try {
    await runSteps(steps, { operation: 'snapshot', volumeId: id, log: deps.log, signal: call.signal });
  } catch (error) {
    if (!toCoded(error).retryable) await discardUnfinished(deps, image, record, call);
    throw error;
  }
  const finished = await snapshots.get(id);
  if (!finished) throw snapshotNotFound(id);
  return finished;
}

function newRecord(deps: VolumeDeps, id: string, request: SnapshotRequest, source: VolumeRecord): SnapshotRecord {
  const { kmsId, owner, luks, headerInside } = source.encryption;
  return {
    id,
    name: request.name,
    createdAt: deps.now().toISOString(),
    sizeBytes: source.sizeBytes,
    ...(source.accessType && { accessType: source.accessType }),
    ...(source.fsType && { fsType: source.fsType }),
    ...(source.className !== undefined && { className: source.className }),
    sourceVolumeId: source.id,
    complete: false,
    encryption: {
      kmsId,
      owner,
      luks,
      luksUuid: randomUUID(),
      headerBytes,
      phase: 'prepared',
      fsUuid: source.encryption.fsUuid,
      ...(headerInside && { headerInside }),
      ...inherited(deps, source),
    },
  };
}
