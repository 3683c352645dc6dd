/**
 * Expansion in two halves (R16). ControllerExpandVolume makes the image larger; NodeExpandVolume lets the attached device,
 * the crypt layer and the filesystem follow, while in use. An unstaged volume follows at its next stage.
 */

import type { VolumeRecord } from '../device/record';
import { CodedError } from '../errors';
import { requireResizable } from '../luks/integrity';
import type { Mapping } from '../luks/mapping';
import { parseFsType } from '../mount/filesystem';
import type { VolumeDeps } from './context';
import { growFilesystem } from './filesystem';
import { type ForeignStage, foreignStage } from './foreign-stage';
import { imageBytes } from './geometry';
import { mappingOf } from './open';
import { requireVolume } from './records';
import { requireNotReencrypting } from './reencryption';
import { type CapacityRange, chooseSize } from './size';
import type { StageRecord } from './stage-record';
import { knownVolume } from './staged-volume';
import { runSteps, type Step, step } from './steps';
import { requireVolumeAt } from './where';

/**
 * Makes the image large enough and answers the size that the volume now offers. Never shrinks.
 * A volume of another node is left to that node: NodeExpandVolume there does this half as well.
 * @throws CodedError VOLUME_NOT_FOUND, CAPACITY_OUT_OF_RANGE, STORAGE_FULL, VOLUME_BUSY.
 */
export async function expandImage(deps: VolumeDeps, id: string, range: CapacityRange): Promise<number> {
  if (deps.backEnd.isElsewhere(id)) return chooseSize(range, 'mount', 'ext4');
  return deps.locks.run(id, 'ControllerExpandVolume', async () => {
    const { sizeBytes, steps } = await enlarge(deps, id, range);
    await runSteps(steps, { operation: 'expand-image', volumeId: id, log: deps.log });
    return sizeBytes;
  });
}

/**
 * @returns the size that the volume now offers, in bytes.
 * @throws CodedError VOLUME_NOT_FOUND (also when the volume is not at that path), CAPACITY_OUT_OF_RANGE, STORAGE_FULL, VOLUME_BUSY.
 */
export async function expandOnNode(deps: VolumeDeps, id: string, path: string, range: CapacityRange): Promise<number> {
  return deps.locks.run(id, 'NodeExpandVolume', async () => {
    const known = await knownVolume(deps, id);
    requireNotReencrypting({ kind: 'volume', id }, known.encryption);
    const mapping = await mappingOf(id);
    const staged = (await deps.stages.get(id)) ?? (mapping && (await foreignStage(deps, id, mapping)));
    if (!mapping || !staged) throw notStaged(id);
    const record = asStaged(known, staged);
    if (path !== staged.stagingPath) await requireVolumeAt(mapping, id, path);
    // In a cluster the controller has enlarged the image already, and this call has no credentials for it.
    const own = deps.backEnd.reach === 'node' ? await enlarge(deps, id, range) : undefined;
    await runSteps(
      [
        ...(own?.steps ?? []),
        step('device', () => deps.backEnd.devices.refreshSize(id)),
        step('crypt', async () => {
          if (record.encryption.luks.integrity === undefined) await deps.cryptsetup.resize(mapping.name);
        }),
        step('filesystem', async () => {
          if (record.accessType === 'mount' && !staged.readOnly)
            await growFilesystem(deps, record, staged.stagingPath, mapping.device);
        }),
      ],
      { operation: 'expand', volumeId: id, log: deps.log },
    );
    return own?.sizeBytes ?? requireGrown(record, await mappingOf(id), range);
  });
}

/** What another driver did not note of its volume, the kernel says of the mount. */
function asStaged(record: VolumeRecord, staged: StageRecord | ForeignStage): VolumeRecord {
  if (record.accessType !== undefined || !('fsType' in staged) || staged.fsType === undefined) return record;
  return { ...record, accessType: 'mount', fsType: parseFsType(staged.fsType) };
}

/** The size that the volume has now. @throws CodedError DEVICE_NOT_READY when the image is not yet as large as wanted. */
function requireGrown(record: VolumeRecord, mapping: Mapping | undefined, range: CapacityRange): number {
  const { id, encryption } = record;
  if (!mapping) throw notStaged(id);
  const sizeBytes = mapping.sizeBytes + (encryption.headerInside ? encryption.headerBytes : 0);
  if (encryption.luks.integrity !== undefined) return record.sizeBytes;
  if (sizeBytes >= (range.requiredBytes ?? 0)) return sizeBytes;
  throw new CodedError('DEVICE_NOT_READY', `volume ${id} has ${sizeBytes} bytes, not yet ${range.requiredBytes}`, {
    remedy: 'The call is repeated; if it stays so, see why ControllerExpandVolume did not enlarge the image.',
  });
}

interface Enlargement {
  readonly sizeBytes: number;
  readonly steps: readonly Step[];
}

/** Refuses what cannot be, before the first step. */
async function enlarge(deps: VolumeDeps, id: string, range: CapacityRange): Promise<Enlargement> {
  const record = await requireVolume(deps, id);
  requireNotReencrypting({ kind: 'volume', id }, record.encryption);
  const { requiredBytes = 0, limitBytes } = range;
  if (limitBytes && limitBytes < record.sizeBytes) {
    throw new CodedError(
      'CAPACITY_OUT_OF_RANGE',
      `volume ${id} has ${record.sizeBytes} bytes, more than the limit of ${limitBytes}`,
      {
        remedy: 'A volume cannot shrink; raise the limit.',
      },
    );
  }
  const sizeBytes =
    requiredBytes <= record.sizeBytes
      ? record.sizeBytes
      : chooseSize(range, record.accessType ?? 'mount', record.fsType);
  if (sizeBytes > record.sizeBytes) requireResizable(id, record.encryption.luks);
  return {
    sizeBytes,
    steps: [
      // Also without growth: whoever was killed may have noted the size and not yet made it true.
      step('image', () => deps.backEnd.images.allocate({ kind: 'volume', id }, imageBytes(record, sizeBytes))),
      step('size', async () => {
        if (sizeBytes > record.sizeBytes) await deps.backEnd.volumes.update(id, (latest) => ({ ...latest, sizeBytes }));
      }),
    ],
  };
}

function notStaged(id: string): CodedError {
  return new CodedError('VOLUME_NOT_STAGED', `volume ${id} is not staged on this node`, {
    remedy: 'Stage it first; staging lets the filesystem grow to the size of the volume.',
  });
}
