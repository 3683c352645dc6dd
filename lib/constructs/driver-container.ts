// The container that runs `keyward csi`, and the parts of the node that it works on.
import type { Size } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { configFileName, mountPaths } from '../schema/names';
import type { DriverPaths } from './driver-paths';
import type { KmsMounts } from './kms-mounts';
import { tenantAgentEndpoint, tenantAgentMount } from './tenant-agent';

/** Port of /healthz. */
const healthPort = 9808;

/** What the driver's container is made of. */
export interface DriverContainerProps {
  readonly image: string;
  readonly paths: DriverPaths;
  /** Directory of the backing files, the same path on the node and in the container. */
  readonly backingDirectory: string;
  readonly runtimeConfigName: string;
  readonly kmsConfigName: string;
  readonly kmsMounts: KmsMounts;
  /** Whether the tenant agent runs beside it. */
  readonly hasTenantAgent: boolean;
  readonly memoryLimit: Size;
}

/** Arguments of `keyward csi` in the pod. */
function driverArguments({ paths, hasTenantAgent }: DriverContainerProps): string[] {
  return [
    'csi',
    '--controller',
    '--node',
    '--node-id=$(NODE_ID)',
    `--endpoint=unix://${paths.socket}`,
    `--csi-addons-endpoint=unix://${paths.addonsSocket}`,
    `--config=${mountPaths.config}/${configFileName}`,
    `--kms-config=${mountPaths.kms}/${configFileName}`,
    `--secrets-dir=${mountPaths.secrets}`,
    ...(hasTenantAgent ? [`--tenant-agent=${tenantAgentEndpoint}`] : []),
    `--state-dir=${paths.state}`,
    `--kubelet-registration-dir=${mountPaths.registration}`,
    `--kubelet-socket-path=${paths.kubeletSocket}`,
    `--health-port=${healthPort}`,
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
    ports: [{ name: 'healthz', containerPort: healthPort }],
    // Device mapper, loop devices and mounts of the node.
    securityContext: { privileged: true },
    startupProbe: { ...health, periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { ...health, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 5 },
    resources: {
      requests: { cpu: k8s.Quantity.fromString('10m'), memory: k8s.Quantity.fromString('96Mi') },
      limits: { memory: k8s.Quantity.fromString(`${props.memoryLimit.toMebibytes()}Mi`) },
    },
    volumeMounts: [
      { name: 'config', mountPath: mountPaths.config, readOnly: true },
      ...props.kmsMounts.mounts,
      ...(props.hasTenantAgent ? [tenantAgentMount] : []),
      ...nodeVolumes(props).map(({ mount }) => mount),
    ],
  };
}

/** The volumes of the container. */
export function driverVolumes(props: DriverContainerProps): k8s.Volume[] {
  return [configVolume(props), ...props.kmsMounts.volumes, ...nodeVolumes(props).map(({ volume }) => volume)];
}

/** One volume for all of /etc/keyward, so that a change of any part arrives whole. */
function configVolume({ runtimeConfigName, kmsConfigName, kmsMounts }: DriverContainerProps): k8s.Volume {
  const kmsPath = `${mountPaths.kms.slice(mountPaths.config.length + 1)}/${configFileName}`;
  const sources = [
    { configMap: { name: runtimeConfigName, items: [{ key: configFileName, path: configFileName }] } },
    { configMap: { name: kmsConfigName, items: [{ key: configFileName, path: kmsPath }] } },
    ...kmsMounts.configSources,
  ];
  return { name: 'config', projected: { sources } };
}

interface NodeVolume {
  readonly volume: k8s.Volume;
  readonly mount: k8s.VolumeMount;
}

/** /run/udev is left out on purpose: with it, libdevmapper would wait for udev, which cannot signal into this IPC namespace. */
function nodeVolumes({ paths, backingDirectory }: DriverContainerProps): NodeVolume[] {
  const bidirectional = { mountPropagation: 'Bidirectional' };
  return [
    node('socket', paths.plugin, 'DirectoryOrCreate', { mountPath: mountPaths.socket }),
    node('registration', paths.registry, 'Directory', { mountPath: mountPaths.registration }),
    node('plugins', paths.plugins, 'Directory', bidirectional),
    node('pods', paths.pods, 'DirectoryOrCreate', bidirectional),
    node('backing', backingDirectory, 'DirectoryOrCreate', { mountPropagation: 'HostToContainer' }),
    node('dev', '/dev', 'Directory', {}),
    node('sys', '/sys', 'Directory', {}),
    node('modules', '/lib/modules', 'Directory', { readOnly: true }),
    // Locks of cryptsetup: shared with whoever else runs it on the node.
    node('cryptsetup-locks', '/run/cryptsetup', 'DirectoryOrCreate', {}),
  ];
}

function node(name: string, path: string, type: string, mount: Partial<k8s.VolumeMount>): NodeVolume {
  return { volume: { name, hostPath: { path, type } }, mount: { name, mountPath: path, ...mount } };
}
