/**
 * CSI-Addons: Identity, and the rotation of one volume's key where it lives. The sidecar fills volume_id and secrets only.
 */

import { required, withCall } from '../csi/request';
import type { EncryptionKeyRotationController } from '../grpc/gen/csi_addons_encryption_key_rotation_pb';
import type { Identity } from '../grpc/gen/csi_addons_identity_pb';
import {
  Capability_EncryptionKeyRotation_Type as Rotation,
  Capability_Service_Type as Service,
} from '../grpc/gen/csi_addons_identity_pb';
import type { Handlers } from '../grpc/service';
import type { VolumeDeps } from '../volume/context';
import { rotatePassphrase } from '../volume/rotate';

export function addonsIdentityHandlers(driverName: string, version: string): Handlers<typeof Identity> {
  return {
    getIdentity: async () => ({ name: driverName, vendorVersion: version }),
    getCapabilities: async () => ({
      capabilities: [
        { type: { case: 'service', value: { type: Service.NODE_SERVICE } } },
        { type: { case: 'encryptionKeyRotation', value: { type: Rotation.ENCRYPTIONKEYROTATION } } },
      ],
    }),
    probe: async () => ({ ready: true }),
  };
}

export function keyRotationHandlers(deps: VolumeDeps): Handlers<typeof EncryptionKeyRotationController> {
  return {
    encryptionKeyRotate: (request, { signal }) =>
      withCall(request.secrets, signal, async (call) => {
        await rotatePassphrase(deps, required(request.volumeId, 'volume_id'), call);
        return {};
      }),
  };
}
