// The container that runs `keyward csi`, and the parts of the node that it works on.
import type { Size } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { configFileName, mountPaths } from '../schema/names';
import type { DriverPaths } from './driver-paths';
import { type DriverRotationOptions, rotationArguments } from './driver-rotation';
import type { KmsMounts } from './kms-mounts';
import type { RbdClustersConfigMap } from './rbd-clusters';
import { apiAccessMount } from './sidecars';
import { tenantAgentEndpoint, tenantAgentMount } from './tenant-agent';

/** Port of /healthz in a pod with a network of its own. */
const defaultHealthPort = 9808;

/** Where the controller keeps what concerns only its own calls. */
const controllerState = '/var/lib/keyward';

/** Which services of CSI a pod serves, and what of the node it gets for that. */
export type DriverPart =
  /** Both, for volumes that are files of the node: the same path on the node and in the container. */
  | { readonly serves: 'both'; readonly backingDirectory: string }
  /** What is done once for a cluster-wide volume. Nothing of the node. */
  | { readonly serves: 'controller' }
  /** What is done where a cluster-wide volume is used. */
  | { readonly serves: 'node'; readonly healthPort: number };

/** What the driver's container is made of. */
export interface DriverContainerProps {
  readonly image: string;
  readonly paths: DriverPaths;
  readonly part: DriverPart;
  readonly runtimeConfigName: string;
  readonly kmsConfigName: string;
  readonly kmsMounts: KmsMounts;
  /** The Ceph clusters; undefined for a back end that has none. */
  readonly clusters: Required<RbdClustersConfigMap> | undefined;
  /** Whether the tenant agent runs beside it. */
  readonly hasTenantAgent: boolean;
  readonly namespace: string;
  /** How keys are rotated without CSI-Addons; by the pods that open volumes. */
  readonly rotation: DriverRotationOptions;
  readonly memoryLimit: Size;
}

/** Arguments of `keyward csi` in the pod. */
function driverArguments(props: DriverContainerProps): string[] {
  const { paths, part, hasTenantAgent, rotation, namespace } = props;
  const register = [
    `--kubelet-registration-dir=${mountPaths.registration}`,
    `--kubelet-socket-path=${paths.kubeletSocket}`,
  ];
  return [
    'csi',
    ...(part.serves === 'node' ? [] : ['--controller']),
    ...(part.serves === 'controller' ? [] : ['--node']),
    '--node-id=$(NODE_ID)',
    `--endpoint=unix://${paths.socket}`,
    `--csi-addons-endpoint=unix://${paths.addonsSocket}`,
    `--config=${mountPaths.config}/${configFileName}`,
    `--kms-config=${mountPaths.kms}/${configFileName}`,
    `--secrets-dir=${mountPaths.secrets}`,
    ...(hasTenantAgent ? [`--tenant-agent=${tenantAgentEndpoint}`] : []),
    `--state-dir=${part.serves === 'controller' ? controllerState : paths.state}`,
    ...(part.serves === 'controller' ? [] : register),
    ...(part.serves === 'controller' ? [] : rotationArguments(rotation, paths, namespace)),
    `--health-port=${healthPortOf(part)}`,
  ];
}

/** The container. It registers itself with the kubelet and answers its own health check: neither needs a sidecar. */
export function driverContainer(props: DriverContainerProps): k8s.Container {
  const health = { httpGet: { path: '/healthz', port: k8s.IntOrString.fromString('healthz') } };
  return {
    name: 'keyward',
    image: props.image,
    args: driverArguments(props),
    env: [
      { name: 'NODE_ID', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
      { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
    ],
    ports: [{ name: 'healthz', containerPort: healthPortOf(props.part) }],
    securityContext: props.part.serves === 'controller' ? unprivileged : privileged,
    // On a node that is short of processors a restart makes everything slower still: only who is silent for minutes hangs.
    startupProbe: { ...health, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 300 },
    livenessProbe: { ...health, periodSeconds: 30, timeoutSeconds: 30, failureThreshold: 6 },
    resources: {
      requests: { cpu: k8s.Quantity.fromString('10m'), memory: k8s.Quantity.fromString('96Mi') },
      limits: { memory: k8s.Quantity.fromString(`${props.memoryLimit.toMebibytes()}Mi`) },
    },
    volumeMounts: [
      { name: 'config', mountPath: mountPaths.config, readOnly: true },
      ...props.kmsMounts.mounts,
      ...(props.hasTenantAgent ? [tenantAgentMount] : []),
      ...(rotatesKeys(props) ? [{ ...apiAccessMount, mountPath: mountPaths.apiAccess }] : []),
      ...partVolumes(props).map(({ mount }) => mount),
    ],
  };
}

/** The volumes of the container. */
export function driverVolumes(props: DriverContainerProps): k8s.Volume[] {
  return [configVolume(props), ...props.kmsMounts.volumes, ...partVolumes(props).map(({ volume }) => volume)];
}

/** Whether the driver itself reads the schedules from the API, and needs a way to it. */
export function rotatesKeys({ part, rotation }: Pick<DriverContainerProps, 'part' | 'rotation'>): boolean {
  return rotation.rotation !== undefined && part.serves !== 'controller';
}

/** Device mapper, loop devices, mapped images and mounts of the node. The user of the image is not root. */
const privileged: k8s.SecurityContext = { privileged: true, runAsUser: 0, readOnlyRootFilesystem: true };

/** The controller reaches Ceph, the KMS and its socket, and nothing of the node. */
const unprivileged: k8s.SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

function healthPortOf(part: DriverPart): number {
  return part.serves === 'node' ? part.healthPort : defaultHealthPort;
}

/** One volume for all of /etc/keyward, so that a change of any part arrives whole. */
function configVolume({ runtimeConfigName, kmsConfigName, kmsMounts }: DriverContainerProps): k8s.Volume {
  const kmsPath = `${mountPaths.kms.slice(mountPaths.config.length + 1)}/${configFileName}`;
  const sources = [
    { configMap: { name: runtimeConfigName, items: [{ key: configFileName, path: configFileName }] } },
    // Without it the driver runs, and tells whoever needs a key; a pod that waits for its volume tells nobody but the administrator.
    { configMap: { name: kmsConfigName, items: [{ key: configFileName, path: kmsPath }], optional: true } },
    ...kmsMounts.configSources,
  ];
  return { name: 'config', projected: { sources } };
}

interface MountedVolume {
  readonly volume: k8s.Volume;
  readonly mount: k8s.VolumeMount;
}

function partVolumes(props: DriverContainerProps): MountedVolume[] {
  const { clusters, part } = props;
  return [
    ...(part.serves === 'controller' ? controllerVolumes() : nodeVolumes(props.paths, part)),
    ...(part.serves !== 'controller' && props.rotation.admin ? [empty('admin', mountPaths.admin)] : []),
    ...(clusters === undefined ? [] : [clustersVolume(clusters)]),
  ];
}

/** /run/udev is left out on purpose: with it, libdevmapper would wait for udev, which cannot signal into this IPC namespace. */
function nodeVolumes(paths: DriverPaths, part: DriverPart): MountedVolume[] {
  const bidirectional = { mountPropagation: 'Bidirectional' };
  const backing = part.serves === 'both' ? [part.backingDirectory] : [];
  return [
    node('socket', paths.plugin, 'DirectoryOrCreate', { mountPath: mountPaths.socket }),
    node('registration', paths.registry, 'Directory', { mountPath: mountPaths.registration }),
    node('plugins', paths.plugins, 'Directory', bidirectional),
    node('pods', paths.pods, 'DirectoryOrCreate', bidirectional),
    ...backing.map((path) => node('backing', path, 'DirectoryOrCreate', { mountPropagation: 'HostToContainer' })),
    node('dev', '/dev', 'Directory', {}),
    node('sys', '/sys', 'Directory', {}),
    node('modules', '/lib/modules', 'Directory', { readOnly: true }),
    // Locks of cryptsetup: shared with whoever else runs it on the node.
    node('cryptsetup-locks', '/run/cryptsetup', 'DirectoryOrCreate', {}),
    temporary,
  ];
}

function controllerVolumes(): MountedVolume[] {
  return [empty('socket', mountPaths.socket), empty('state', controllerState), temporary];
}

/** A volume of its own, since its ConfigMap may be another's: it follows the monitors without a restart. */
function clustersVolume({ configMapName, key }: Required<RbdClustersConfigMap>): MountedVolume {
  const name = 'ceph-clusters';
  return {
    volume: { name, configMap: { name: configMapName, items: [{ key, path: configFileName }] } },
    mount: { name, mountPath: mountPaths.cephClusters, readOnly: true },
  };
}

function node(name: string, path: string, type: string, mount: Partial<k8s.VolumeMount>): MountedVolume {
  return { volume: { name, hostPath: { path, type } }, mount: { name, mountPath: path, ...mount } };
}

function empty(name: string, mountPath: string): MountedVolume {
  return { volume: { name, emptyDir: {} }, mount: { name, mountPath } };
}

/** The root is read-only, and the tools of Ceph take a place for granted. */
const temporary = empty('tmp', '/tmp');
