/**
 * Expansion in two halves (R16). ControllerExpandVolume makes the image larger; NodeExpandVolume lets the attached device,
 * the crypt layer and the filesystem follow, while in use. An unstaged volume follows at its next stage.
 */

import { CodedError } from '../errors';
import { headerBytes } from '../luks/cryptsetup';
import type { VolumeDeps } from './context';
import { growFilesystem } from './filesystem';
import { mappingOf } from './open';
import { requireVolume } from './records';
import { type CapacityRange, chooseSize } from './size';
import { runSteps, step } from './steps';
import { requireVolumeAt } from './where';

/**
 * Makes the image large enough and answers the size that the volume now offers. Never shrinks.
 * A volume of another node is left to that node: NodeExpandVolume there does this half as well.
 * @throws CodedError VOLUME_NOT_FOUND, CAPACITY_OUT_OF_RANGE, STORAGE_FULL, VOLUME_BUSY.
 */
export async function expandImage(deps: VolumeDeps, id: string, range: CapacityRange): Promise<number> {
  if (deps.backEnd.isElsewhere(id)) return chooseSize(range, 'mount', 'ext4');
  return deps.locks.run(id, 'ControllerExpandVolume', () => enlarge(deps, id, range));
}

/**
 * @returns the size that the volume now offers, in bytes.
 * @throws CodedError VOLUME_NOT_FOUND (also when the volume is not at that path), CAPACITY_OUT_OF_RANGE, STORAGE_FULL, VOLUME_BUSY.
 */
export async function expandOnNode(deps: VolumeDeps, id: string, path: string, range: CapacityRange): Promise<number> {
  return deps.locks.run(id, 'NodeExpandVolume', async () => {
    const record = await requireVolume(deps, id);
    const mapping = await mappingOf(id);
    const staged = await deps.stages.get(id);
    if (!mapping || !staged) throw notStaged(id);
    if (path !== staged.stagingPath) await requireVolumeAt(mapping, id, path);
    let sizeBytes = record.sizeBytes;
    await runSteps(
      [
        step('image', async () => {
          sizeBytes = await enlarge(deps, id, range);
        }),
        step('device', () => deps.backEnd.devices.refreshSize(id)),
        step('crypt', () => deps.cryptsetup.resize(mapping.name)),
        step('filesystem', async () => {
          if (record.accessType === 'mount' && !staged.readOnly)
            await growFilesystem(deps, record, staged.stagingPath, mapping.device);
        }),
      ],
      { operation: 'expand', volumeId: id, log: deps.log },
    );
    return sizeBytes;
  });
}

async function enlarge(deps: VolumeDeps, id: string, range: CapacityRange): Promise<number> {
  const record = await requireVolume(deps, id);
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
    requiredBytes <= record.sizeBytes ? record.sizeBytes : chooseSize(range, record.accessType, record.fsType);
  // Also without growth: a call that was killed may have noted the size and not yet made it true.
  await deps.backEnd.images.allocate({ kind: 'volume', id }, sizeBytes + headerBytes);
  if (sizeBytes > record.sizeBytes) await deps.backEnd.volumes.update(id, (latest) => ({ ...latest, sizeBytes }));
  return sizeBytes;
}

function notStaged(id: string): CodedError {
  return new CodedError('VOLUME_NOT_STAGED', `volume ${id} is not staged on this node`, {
    remedy: 'Stage it first; staging lets the filesystem grow to the size of the volume.',
  });
}
