/**
 * CSI-Addons EncryptionKeyRotate: the rotation of one volume's passphrase, where it is attached. The sidecar fills in the
 * volume's id, attributes and secrets only. Never Unimplemented, which its controller reports as a success.
 */
import { required } from '../csi/request';
import { type CsiDeps, onVolume } from '../csi/volume-calls';
import type { EncryptionKeyRotationController } from '../grpc/gen/csi_addons_encryption_key_rotation_pb';
import type { Handlers } from '../grpc/service';
import { rotatePassphrase } from '../volume/rotate';

export function keyRotationHandlers(deps: CsiDeps): Handlers<typeof EncryptionKeyRotationController> {
  return {
    encryptionKeyRotate: async ({ volumeId, secrets, parameters: context }, { signal }) => {
      const id = required(volumeId, 'volume_id');
      await onVolume(deps, { id, secrets, context, signal }, (volumeDeps, call) =>
        rotatePassphrase(volumeDeps, id, call),
      );
      return {};
    },
  };
}
