/** The filesystem on an opened volume: made once, recognised ever after by its pinned UUID, mounted, grown. */
import { mkdir } from 'node:fs/promises';
import type { FsType, Phase, VolumeRecord } from '../device/record';
import { CodedError } from '../errors';
import { makeFilesystem, readSuperblock, splitMkfsOptions } from '../mount/filesystem';
import { growFilesystem as grow } from '../mount/grow';
import type { VolumeDeps } from './context';

/**
 * Makes the filesystem when the volume never held one; otherwise requires that it is there. Before the phase is `ready`
 * the volume was never mounted, so a filesystem with our UUID is our own unfinished work and is made again.
 * @throws CodedError FILESYSTEM_FOREIGN, DEVICE_LOST_DATA, CAPACITY_OUT_OF_RANGE.
 */
export async function ensureFilesystem(
  deps: VolumeDeps,
  record: VolumeRecord,
  phase: Phase,
  device: string,
): Promise<void> {
  const type = fsTypeOf(record);
  const { fsUuid } = record.encryption;
  const found = await readSuperblock(device);
  if (found && (found.uuid !== fsUuid || (found.type !== type && phase === 'ready'))) {
    throw new CodedError(
      'FILESYSTEM_FOREIGN',
      `volume ${record.id} holds ${found.type} ${found.uuid}, not ${type} ${fsUuid}`,
      {
        remedy:
          'Somebody made another filesystem on the volume; mount it by hand to see what it is. Nothing was written.',
      },
    );
  }
  if (phase === 'ready') {
    if (found) return;
    throw new CodedError(
      'DEVICE_LOST_DATA',
      `volume ${record.id} held ${type} before, but no filesystem is found on it`,
      {
        remedy:
          'The start of the volume is damaged; repair it by hand or restore a snapshot. keyward never formats it again.',
      },
    );
  }
  const options = splitMkfsOptions(record.mkfsOptions);
  await makeFilesystem(deps.run, { device, type, uuid: fsUuid, ...(options && { options }) });
}

export interface StagedAt {
  readonly stagingPath: string;
  readonly readOnly: boolean;
  readonly mountFlags: readonly string[];
}

/** Mounts at the staging path, or finds that exactly this is mounted. @throws CodedError MOUNT_CONFLICT, MOUNT_FAILED. */
export async function mountFilesystem(
  deps: VolumeDeps,
  record: VolumeRecord,
  at: StagedAt,
  device: string,
): Promise<void> {
  await mkdir(at.stagingPath, { recursive: true });
  await deps.mounts.mount(filesystemMount(record, at, device));
}

export function filesystemMount(record: VolumeRecord, { stagingPath, readOnly, mountFlags }: StagedAt, device: string) {
  return { device, target: stagingPath, fsType: fsTypeOf(record), readOnly, options: mountFlags };
}

/** Lets a mounted filesystem follow its device. */
export async function growFilesystem(
  deps: VolumeDeps,
  record: VolumeRecord,
  mountPoint: string,
  device: string,
): Promise<void> {
  await grow(deps.run, { device, type: fsTypeOf(record), mountPoint });
}

function fsTypeOf(record: VolumeRecord): FsType {
  return record.fsType ?? 'ext4';
}
