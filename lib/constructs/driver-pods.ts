// The workloads of a driver. Volumes that are files of a node are served by one pod on each node that does everything; for
// volumes of a cluster, one elected controller makes them, and a pod on each node opens them.
import { k8s } from 'cdk8s-plus-27';
import { csiAddonsSidecar } from './csi-addons/sidecar';
import {
  type DriverContainerProps,
  type DriverPart,
  driverContainer,
  driverVolumes,
  rotatesKeys,
} from './driver-container';
import { type DriverImages, imageUser } from './images';
import { clusterSidecars, nodeSidecars, type SidecarProps, sidecarVolume } from './sidecars';
import { defaultAgentPort, tenantAgentContainer, tenantAgentVolumes } from './tenant-agent';

/** Port of the sidecar of CSI-Addons in a pod with a network of its own. */
const defaultAddonsPort = 9070;

/** What the workloads are made of. */
export interface DriverPodProps {
  /** Name of the workload. */
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccountName: string;
  /** A change of it replaces the pods: the runtime reads its configuration once. */
  readonly configHash: string;
  readonly images: DriverImages;
  readonly snapshots: boolean;
  /** Whether the sidecar of CSI-Addons runs in each pod. */
  readonly csiAddons: boolean;
  /** The driver's container, without what a kind of pod settles. */
  readonly container: Omit<DriverContainerProps, 'part'>;
  /** The tenants that the agent serves. */
  readonly tenants: readonly string[];
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly k8s.Toleration[] | undefined;
}

/** A pod on each node that serves the volumes of that node. */
export function nodeLocalDaemonSet(props: DriverPodProps, backingDirectory: string): k8s.KubeDaemonSetProps {
  const spec = podSpec(
    props,
    { serves: 'both', backingDirectory },
    nodeSidecars(sidecarProps(props)),
    defaultAgentPort,
  );
  return daemonSet(props, spec);
}

/** A pod on each node that maps and opens images. It registers itself, so no sidecar of CSI is beside it. */
export function mappingDaemonSet(props: DriverPodProps, healthPort: number): k8s.KubeDaemonSetProps {
  return daemonSet(props, {
    ...podSpec(props, { serves: 'node', healthPort }, [], healthPort + 1),
    // The kernel talks to Ceph through the network that mapped the image: that of a pod would go away with the pod.
    hostNetwork: true,
    dnsPolicy: 'ClusterFirstWithHostNet',
    // rbd-nbd is found by the process id that the kernel names.
    hostPid: true,
  });
}

/** The controller, elected among its pods. */
export function controllerDeployment(
  props: DriverPodProps,
  { replicas, attachRequired }: { readonly replicas: number; readonly attachRequired: boolean },
): k8s.KubeDeploymentProps {
  const { name, namespace, labels } = props;
  const sidecars = clusterSidecars({ ...sidecarProps(props), attachRequired });
  const { tolerations: _, ...anywhere } = podSpec(props, { serves: 'controller' }, sidecars, defaultAgentPort);
  const spec: k8s.PodSpec = {
    ...anywhere,
    priorityClassName: 'system-cluster-critical',
    // The props say which nodes carry volumes, and which taints those bear; the controller carries none.
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    affinity: { podAntiAffinity: apart(labels) },
  };
  return {
    metadata: { name, namespace, labels: { ...labels } },
    spec: { replicas, selector: { matchLabels: { ...labels } }, template: template(props, spec) },
  };
}

function daemonSet(props: DriverPodProps, spec: k8s.PodSpec): k8s.KubeDaemonSetProps {
  const { name, namespace, labels } = props;
  return {
    metadata: { name, namespace, labels: { ...labels } },
    spec: {
      selector: { matchLabels: { ...labels } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: k8s.IntOrString.fromString('10%') } },
      template: template(props, spec),
    },
  };
}

function template({ labels, configHash }: DriverPodProps, spec: k8s.PodSpec): k8s.PodTemplateSpec {
  return { metadata: { labels: { ...labels }, annotations: { 'keyward.io/config-hash': configHash } }, spec };
}

function podSpec(
  props: DriverPodProps,
  part: DriverPart,
  csiSidecars: readonly k8s.Container[],
  agentPort: number,
): k8s.PodSpec {
  const container = { ...props.container, part };
  const { hasTenantAgent, kmsConfigName } = container;
  const agent = { image: props.images.keyward, kmsConfigName, tenants: props.tenants, healthPort: agentPort };
  const sidecars = [...csiSidecars, ...(props.csiAddons ? [addonsSidecar(props, part)] : [])];
  const reachesApi = hasTenantAgent || sidecars.length > 0 || rotatesKeys(container);
  return {
    serviceAccountName: props.serviceAccountName,
    automountServiceAccountToken: false,
    // The sidecars have no right to a socket of another user, whatever user their images name.
    securityContext: part.serves === 'controller' ? asNobody : { runAsUser: 0 },
    priorityClassName: 'system-node-critical',
    nodeSelector: { 'kubernetes.io/os': 'linux', ...props.nodeSelector },
    tolerations: [...(props.tolerations ?? [{ operator: 'Exists' }])],
    terminationGracePeriodSeconds: 60,
    containers: [driverContainer(container), ...(hasTenantAgent ? [tenantAgentContainer(agent)] : []), ...sidecars],
    volumes: [
      ...driverVolumes(container),
      ...(hasTenantAgent ? tenantAgentVolumes(agent) : []),
      ...(reachesApi ? [sidecarVolume()] : []),
    ],
  };
}

/** The controller needs no right of root. Its group reads the mounted Secrets. */
const asNobody: k8s.PodSecurityContext = {
  runAsNonRoot: true,
  runAsUser: imageUser,
  runAsGroup: imageUser,
  fsGroup: imageUser,
};

/** On the network of the node the ports of the driver are neighbours, and 9070 may be another driver's. */
function addonsSidecar({ images, container }: DriverPodProps, part: DriverPart): k8s.Container {
  const port = part.serves === 'node' ? part.healthPort + 2 : defaultAddonsPort;
  return csiAddonsSidecar({ image: images.csiAddons, paths: container.paths, port });
}

function sidecarProps({ images, namespace, snapshots, container }: DriverPodProps): SidecarProps {
  return { images, paths: container.paths, namespace, snapshots };
}

function apart(labels: Readonly<Record<string, string>>): k8s.PodAntiAffinity {
  const podAffinityTerm = { labelSelector: { matchLabels: { ...labels } }, topologyKey: 'kubernetes.io/hostname' };
  return { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm }] };
}
