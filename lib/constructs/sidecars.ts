// The CSI sidecars beside the driver. Where volumes are node-local, provisioner and snapshotter work per node; the resizer has
// no such mode, and where volumes are cluster-wide none of them needs one: they elect one leader in the cluster.
import { k8s } from 'cdk8s-plus-27';
import { mountPaths, serviceAccountTokenFile } from '../schema/names';
import type { DriverPaths } from './driver-paths';
import type { DriverImages } from './images';

/** A call may format a volume and ask a KMS: far above the sidecars' own 10 to 15 seconds. */
const callTimeout = '--timeout=300s';

/** Name of the volume with the token, the CA and the namespace that the sidecars use against the API. */
const apiAccess = 'api-access';

/** Where each container finds it. */
export const apiAccessMount: k8s.VolumeMount = {
  name: apiAccess,
  mountPath: serviceAccountTokenFile.slice(0, -'/token'.length),
  readOnly: true,
};

/** What the sidecars are made of. */
export interface SidecarProps {
  readonly images: DriverImages;
  readonly paths: DriverPaths;
  readonly namespace: string;
  readonly snapshots: boolean;
}

/** The sidecars of a pod on each node. */
export function nodeSidecars({ images, paths, namespace, snapshots }: SidecarProps): k8s.Container[] {
  const address = `--csi-address=${paths.socket}`;
  const provisioner = sidecar('csi-provisioner', images.provisioner, [
    address,
    '--node-deployment',
    '--strict-topology',
    '--immediate-topology=false',
    '--enable-capacity',
    '--capacity-ownerref-level=1',
    '--extra-create-metadata',
    '--default-fstype=ext4',
    callTimeout,
  ]);
  const resizer = sidecar('csi-resizer', images.resizer, [address, ...elected(namespace), callTimeout]);
  const snapshotter = sidecar('csi-snapshotter', images.snapshotter, [address, '--node-deployment', callTimeout]);
  return [provisioner, resizer, ...(snapshots ? [snapshotter] : [])];
}

/** The sidecars of a pod that serves the whole cluster. */
export function clusterSidecars(props: SidecarProps & { readonly attachRequired: boolean }): k8s.Container[] {
  const { images, paths, namespace, snapshots, attachRequired } = props;
  const common = [`--csi-address=${paths.socket}`, ...elected(namespace), callTimeout];
  const withNames = [...common, '--extra-create-metadata'];
  return [
    sidecar('csi-provisioner', images.provisioner, [...withNames, '--default-fstype=ext4']),
    sidecar('csi-resizer', images.resizer, common),
    ...(snapshots ? [sidecar('csi-snapshotter', images.snapshotter, withNames)] : []),
    ...(attachRequired ? [sidecar('csi-attacher', images.attacher, [...common, '--default-fstype=ext4'])] : []),
  ];
}

function elected(namespace: string): string[] {
  return ['--leader-election', `--leader-election-namespace=${namespace}`];
}

/** The volume that the sidecars need besides the socket. */
export function sidecarVolume(): k8s.Volume {
  const sources: k8s.VolumeProjection[] = [
    { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardApi: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
  ];
  return { name: apiAccess, projected: { sources } };
}

/** A container beside the driver, with its socket and access to the API. */
export function sidecar(name: string, image: string, args: string[]): k8s.Container {
  return {
    name,
    image,
    args,
    env: [
      fromField('NODE_NAME', 'spec.nodeName'),
      fromField('NAMESPACE', 'metadata.namespace'),
      fromField('POD_NAME', 'metadata.name'),
    ],
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    resources: {
      requests: { cpu: k8s.Quantity.fromString('5m'), memory: k8s.Quantity.fromString('24Mi') },
      limits: { memory: k8s.Quantity.fromString('128Mi') },
    },
    volumeMounts: [{ name: 'socket', mountPath: mountPaths.socket }, apiAccessMount],
  };
}

/** An environment variable that is a field of the pod. */
export function fromField(name: string, fieldPath: string): k8s.EnvVar {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}
