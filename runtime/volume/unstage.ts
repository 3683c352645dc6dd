/**
 * NodeUnstageVolume: unmount → close → detach → forget. Works from whatever a crash left: each step looks at the kernel, and
 * neither the KMS nor the record of the volume is needed.
 */
import { CodedError } from '../errors';
import { closeLayered } from '../luks/layer';
import { findMapping, lowerHalf, mappingNameIfAny, resumeMapping } from '../luks/mapping';
import type { VolumeDeps } from './context';
import { clearForeignStage, stagedPlaces } from './foreign-stage';
import { mappingOf } from './open';
import { runSteps, type Step, step } from './steps';
import { placesOf } from './where';

/** No error when it is not staged. @throws CodedError DEVICE_BUSY, MOUNT_CONFLICT, VOLUME_BUSY. */
export async function unstageVolume(deps: VolumeDeps, volumeId: string, stagingPath: string): Promise<void> {
  await deps.locks.run(volumeId, 'NodeUnstageVolume', async () => {
    const staged = await deps.stages.get(volumeId);
    if (staged && staged.stagingPath !== stagingPath && (await mappingOf(volumeId))) {
      throw new CodedError('MOUNT_CONFLICT', `volume ${volumeId} is staged at ${staged.stagingPath}`, {
        remedy: 'Unstage it with that path.',
      });
    }
    await runSteps(
      [
        step('unmount', async () => {
          const mapping = await mappingOf(volumeId);
          if (mapping?.suspended) await resumeMapping(deps.run, mapping.name);
          const places = mapping ? await stagedPlaces(deps, volumeId, stagingPath, mapping) : [];
          for (const place of places) await deps.mounts.unmount(place);
          await clearForeignStage(deps, volumeId, stagingPath);
        }),
        ...closing(deps, volumeId),
      ],
      { operation: 'unstage', volumeId, log: deps.log },
    );
  });
}

/**
 * Takes back a stage that failed: the kubelet calls no Unstage after most errors, and the volume could never be deleted.
 * A volume that is seen somewhere is staged from before, and stays so. Never throws.
 */
export async function undoStage(deps: VolumeDeps, volumeId: string): Promise<void> {
  try {
    const mapping = await mappingOf(volumeId);
    if (mapping && (await placesOf(mapping)).length > 0) return;
    if (mapping?.suspended) await resumeMapping(deps.run, mapping.name);
    await runSteps(closing(deps, volumeId), { operation: 'undo-stage', volumeId, log: deps.log });
  } catch (error) {
    deps.log.warn('a stage that failed could not be taken back', { volumeId, error });
  }
}

function closing(deps: VolumeDeps, volumeId: string): readonly Step[] {
  return [
    step('close', async () => {
      const name = mappingNameIfAny(volumeId);
      if (name === undefined) return;
      const mapping = await findMapping(name);
      // A kill inside an open with integrity protection leaves the lower half alone.
      const isToClose = mapping ? mapping.lower === undefined : (await findMapping(lowerHalf(name))) !== undefined;
      if (isToClose) await deps.cryptsetup.close(name);
      await closeLayered(deps.run, name);
    }),
    step('detach', () => deps.backEnd.devices.detach(volumeId)),
    step('forget', () => deps.stages.remove(volumeId)),
  ];
}
