/**
 * Makes the driver known to the kubelet (plugin registration v1), so that no registrar sidecar is needed: the kubelet
 * watches a folder, connects to the socket it finds there and asks who serves.
 */
import { join } from 'node:path';
import { CodedError } from '../errors';
import { Registration } from '../grpc/gen/plugin_registration_pb';
import { type RunningServer, serveOnSocket } from '../grpc/server';
import { bindService, type ServiceDeps } from '../grpc/service';

export interface RegistrationOptions {
  readonly driverName: string;
  /** The folder that the kubelet watches, as mounted in this container. */
  readonly folder: string;
  /** Path of the CSI socket as the kubelet sees it on the node. */
  readonly kubeletSocketPath: string;
  /** The kubelet refused the driver; the process should end, so that it is started and registered again. */
  readonly onRefused: (error: CodedError) => void;
}

export function serveRegistration(options: RegistrationOptions, deps: ServiceDeps): Promise<RunningServer> {
  const { driverName, folder, kubeletSocketPath, onRefused } = options;
  const service = bindService(
    Registration,
    {
      getInfo: async () => ({
        type: 'CSIPlugin',
        name: driverName,
        endpoint: kubeletSocketPath,
        supportedVersions: ['1.0.0'],
      }),
      notifyRegistrationStatus: async ({ pluginRegistered, error }) => {
        if (pluginRegistered) deps.log.info('registered with the kubelet', { path: kubeletSocketPath });
        else {
          onRefused(
            new CodedError('CONFIG_INVALID', `the kubelet refused the driver: ${error.slice(0, 300)}`, {
              remedy:
                'Check --kubelet-socket-path: it is the path of the CSI socket on the node, not in the container.',
            }),
          );
        }
        return {};
      },
    },
    deps,
  );
  return serveOnSocket(join(folder, `${driverName}-reg.sock`), [service]);
}
