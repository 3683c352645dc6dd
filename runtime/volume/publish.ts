/** NodePublishVolume shows a staged volume at a pod's target path; NodeUnpublishVolume takes it away again. */
import { lstat, mkdir, open, rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { AccessType } from '../device/record';
import { CodedError, isErrno } from '../errors';
import { resolveMountPoint } from '../mount/mountinfo';
import type { VolumeDeps } from './context';
import { stagedPlaces } from './foreign-stage';
import { mappingOf } from './open';
import { requireOwnTenant } from './own-tenant';
import { knownVolume } from './staged-volume';
import { runSteps, step } from './steps';
import { placesOf } from './where';

export interface PublishRequest {
  readonly volumeId: string;
  readonly stagingPath: string;
  readonly targetPath: string;
  readonly accessType: AccessType;
  readonly readOnly: boolean;
  /** No other target path on this node may show the volume. */
  readonly singleTarget: boolean;
  /** That of the Pod, where the caller names it. */
  readonly podNamespace: string | undefined;
}

/** @throws CodedError VOLUME_NOT_FOUND, VOLUME_NOT_STAGED, VOLUME_IN_USE, VOLUME_FOREIGN, REQUEST_INVALID, MOUNT_CONFLICT, VOLUME_BUSY. */
export async function publishVolume(deps: VolumeDeps, request: PublishRequest): Promise<void> {
  const { volumeId, targetPath, accessType, readOnly } = request;
  await deps.locks.run(volumeId, 'NodePublishVolume', async () => {
    const record = await knownVolume(deps, volumeId);
    requireOwnTenant(volumeId, record.encryption, request.podNamespace);
    if (record.accessType !== undefined && record.accessType !== accessType) {
      throw new CodedError(
        'REQUEST_INVALID',
        `volume ${volumeId} is a ${record.accessType} volume, the request wants ${accessType}`,
        {
          remedy: 'Use the volume mode with which the claim was made.',
        },
      );
    }
    const staged = await deps.stages.get(volumeId);
    const mapping = await mappingOf(volumeId);
    // Without a note of ours ceph-csi may have staged it, before this driver took its place.
    if (!mapping || (staged && staged.stagingPath !== request.stagingPath)) throw notStaged(request);
    const stagedAt = await stagedPlaces(deps, volumeId, request.stagingPath, mapping);
    if (request.singleTarget) await requireNoOtherTarget(request, await placesOf(mapping), stagedAt);
    const [place = accessType === 'block' && staged ? request.stagingPath : undefined] = stagedAt;
    if (place === undefined) throw notStaged(request);
    const source = accessType === 'block' ? mapping.device : place;

    await runSteps(
      [
        step('target', () => makeTarget(targetPath, accessType)),
        step('bind', () => deps.mounts.bind({ source, target: targetPath, readOnly })),
      ],
      { operation: 'publish', volumeId, log: deps.log },
    );
  });
}

/** Unmounts and removes the target path; no error when it is gone. @throws CodedError DEVICE_BUSY, VOLUME_BUSY. */
export async function unpublishVolume(deps: VolumeDeps, volumeId: string, targetPath: string): Promise<void> {
  await deps.locks.run(volumeId, 'NodeUnpublishVolume', () =>
    runSteps([step('unbind', () => deps.mounts.unmount(targetPath)), step('target', () => removeTarget(targetPath))], {
      operation: 'unpublish',
      volumeId,
      log: deps.log,
    }),
  );
}

async function makeTarget(path: string, accessType: AccessType): Promise<void> {
  if (accessType === 'mount') {
    await mkdir(path, { recursive: true, mode: 0o750 });
    return;
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o750 });
  const file = await open(path, 'a', 0o600);
  await file.close();
}

/** A folder is removed only when it is empty: what a pod wrote below a mount that failed is not ours to delete. */
async function removeTarget(path: string): Promise<void> {
  try {
    if ((await lstat(path)).isDirectory()) await rmdir(path);
    else await rm(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

async function requireNoOtherTarget(
  { volumeId, targetPath }: PublishRequest,
  places: readonly string[],
  stagedAt: readonly string[],
): Promise<void> {
  const own = [await resolveMountPoint(targetPath), ...stagedAt];
  const other = places.find((each) => !own.includes(each));
  if (other === undefined) return;
  throw new CodedError(
    'VOLUME_IN_USE',
    `volume ${volumeId} is published at ${other} and its access mode allows one pod`,
    {
      remedy: 'Delete the other pod, or use ReadWriteOnce instead of ReadWriteOncePod.',
    },
  );
}

function notStaged({ volumeId, stagingPath }: PublishRequest): CodedError {
  return new CodedError(
    'VOLUME_NOT_STAGED',
    `volume ${volumeId} is not staged at ${stagingPath === '' ? '(no path given)' : stagingPath}`,
    {
      remedy: 'Stage it first, and give its staging path in staging_target_path.',
    },
  );
}
