// The paths that the driver's pod and its node share.
import { posix } from 'node:path';
import { mountPaths } from '../schema/names';

/** Paths of one driver. */
export interface DriverPaths {
  /** On the node: the driver's socket and its state. */
  readonly plugin: string;
  /** On the node: where the kubelet looks for registration sockets. */
  readonly registry: string;
  /** On the node and in the container: staging paths. */
  readonly plugins: string;
  /** On the node and in the container: target paths. */
  readonly pods: string;
  /** On the node and in the container: what outlives the pod. */
  readonly state: string;
  /** On the node: the CSI socket, as the kubelet is told. */
  readonly kubeletSocket: string;
  /** In the container: the CSI socket. */
  readonly socket: string;
  /** In the container: the CSI-Addons socket. */
  readonly addonsSocket: string;
  /** In the container: the socket of `keyward rotate` and `keyward verify`, where both look for it. */
  readonly adminSocket: string;
}

/** The paths of a driver under a kubelet directory. */
export function driverPaths(driverName: string, kubeletDirectory: string): DriverPaths {
  const plugins = posix.join(kubeletDirectory, 'plugins');
  const plugin = posix.join(plugins, driverName);
  return {
    plugin,
    registry: posix.join(kubeletDirectory, 'plugins_registry'),
    plugins,
    pods: posix.join(kubeletDirectory, 'pods'),
    state: posix.join(plugin, 'state'),
    kubeletSocket: posix.join(plugin, 'csi.sock'),
    socket: `${mountPaths.socket}/csi.sock`,
    addonsSocket: `${mountPaths.socket}/csi-addons.sock`,
    adminSocket: `${mountPaths.admin}/admin.sock`,
  };
}
