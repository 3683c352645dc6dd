/**
 * NodeUnstageVolume: unmount → close → detach → forget. Works from whatever a crash left: each step looks at the kernel, and
 * neither the KMS nor the record of the volume is needed.
 */
import { CodedError } from '../errors';
import { mappingName, resumeMapping } from '../luks/mapping';
import type { VolumeDeps } from './context';
import { mappingOf } from './open';
import { runSteps, step } from './steps';

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
          // Only what comes from the volume: the path may carry a mount of somebody else by now.
          const present = mapping && (await deps.mounts.find(stagingPath));
          if (present && present.deviceNumber === mapping.deviceNumber) await deps.mounts.unmount(stagingPath);
        }),
        step('close', async () => {
          if (await mappingOf(volumeId)) await deps.cryptsetup.close(mappingName(volumeId));
        }),
        step('detach', () => deps.backEnd.devices.detach(volumeId)),
        step('forget', () => deps.stages.remove(volumeId)),
      ],
      { operation: 'unstage', volumeId, log: deps.log },
    );
  });
}
