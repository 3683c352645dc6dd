/**
 * CSI-Addons Identity: what its sidecar and controller learn before they send anything. The controller sends rotations and
 * online reclaims to the node that has the volume attached, and offline reclaims to the holder of the driver's lease, for
 * which only a process that says CONTROLLER_SERVICE runs.
 */
import {
  type Identity,
  Capability_ReclaimSpace_Type as Reclaim,
  Capability_EncryptionKeyRotation_Type as Rotation,
  Capability_Service_Type as Service,
} from '../grpc/gen/csi_addons_identity_pb';
import type { Handlers } from '../grpc/service';

export interface AddonsIdentity {
  readonly driverName: string;
  readonly version: string;
  readonly servesController: boolean;
  readonly servesNode: boolean;
}

export function addonsIdentityHandlers(identity: AddonsIdentity): Handlers<typeof Identity> {
  const { driverName, version, servesController, servesNode } = identity;
  const capabilities = [
    ...(servesNode ? [service(Service.NODE_SERVICE), reclaim(Reclaim.ONLINE), rotation] : []),
    // The stock controller fails every job of reclaiming for a driver without a leader that says OFFLINE.
    ...(servesController ? [service(Service.CONTROLLER_SERVICE), reclaim(Reclaim.OFFLINE)] : []),
  ];
  return {
    getIdentity: async () => ({ name: driverName, vendorVersion: version }),
    getCapabilities: async () => ({ capabilities }),
    probe: async () => ({ ready: true }),
  };
}

const rotation = {
  type: { case: 'encryptionKeyRotation', value: { type: Rotation.ENCRYPTIONKEYROTATION } },
} as const;

function service(type: Service) {
  return { type: { case: 'service', value: { type } } } as const;
}

function reclaim(type: Reclaim) {
  return { type: { case: 'reclaimSpace', value: { type } } } as const;
}
