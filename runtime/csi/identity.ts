/** CSI Identity: who the driver is and what it can do as a whole. */
import {
  PluginCapability_VolumeExpansion_Type as Expansion,
  type Identity,
  PluginCapability_Service_Type as Service,
} from '../grpc/gen/csi_pb';
import type { Handlers } from '../grpc/service';

export interface IdentityOptions {
  readonly driverName: string;
  readonly version: string;
  readonly servesController: boolean;
  /** Whether volumes are reachable from some nodes only. */
  readonly isTopologyAware: boolean;
  /** @throws CodedError when the driver cannot work; the sidecars then keep probing. */
  readonly probe: () => Promise<void>;
}

export function identityHandlers(options: IdentityOptions): Handlers<typeof Identity> {
  const service = (type: Service) => ({ type: { case: 'service', value: { type } } }) as const;
  return {
    getPluginInfo: async () => ({ name: options.driverName, vendorVersion: options.version }),
    getPluginCapabilities: async () => ({
      capabilities: [
        ...(options.servesController ? [service(Service.CONTROLLER_SERVICE)] : []),
        ...(options.isTopologyAware ? [service(Service.VOLUME_ACCESSIBILITY_CONSTRAINTS)] : []),
        { type: { case: 'volumeExpansion', value: { type: Expansion.ONLINE } } },
      ],
    }),
    probe: async () => {
      await options.probe();
      return { ready: true };
    },
  };
}
