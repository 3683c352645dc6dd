// The sidecar of CSI-Addons beside the driver. It announces the pod as a CSIAddonsNode and hands the calls of the CSI-Addons
// controller to the driver. The controller reaches it at the pod's address, with TLS and the token of its own account.
import type { k8s } from 'cdk8s-plus-27';
import type { DriverPaths } from '../driver-paths';
import { fromField, sidecar } from '../sidecars';

/** Name of its port. */
export const csiAddonsPort = 'csi-addons';

/** What the sidecar is made of. */
export interface CsiAddonsSidecarProps {
  readonly image: string;
  readonly paths: DriverPaths;
  /** Where it listens: on the node, when the pod has the network of the node. */
  readonly port: number;
}

/** The container. */
export function csiAddonsSidecar({ image, paths, port }: CsiAddonsSidecarProps): k8s.Container {
  const container = sidecar('csi-addons', image, [
    `--csi-addons-address=${paths.addonsSocket}`,
    '--node-id=$(NODE_NAME)',
    '--pod=$(POD_NAME)',
    '--namespace=$(NAMESPACE)',
    '--pod-uid=$(POD_UID)',
    // No --controller-ip: the controller takes an address for one of a kind that it no longer supports.
    `--controller-port=${port}`,
    '--leader-election-namespace=$(NAMESPACE)',
    `--stagingpath=${paths.plugins}/kubernetes.io/csi/`,
  ]);
  return {
    ...container,
    env: [...(container.env ?? []), fromField('POD_UID', 'metadata.uid')],
    ports: [{ name: csiAddonsPort, containerPort: port }],
  };
}
