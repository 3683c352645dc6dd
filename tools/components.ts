/**
 * The real components that tests, demo and benchmarks use, with their pinned versions, as one table.
 * A Go component is built from tools/go/<recipe>/go.{mod,sum}; a Python component is installed with the hashed pins of
 * tools/python/<recipe>/requirements.txt; a Debian component is a command of the distribution.
 */

/** Built from the Go module proxy with the pins of `tools/go/<recipe>`; a program of our own has its source there too. */
export interface GoComponent {
  readonly kind: 'go';
  /** Upstream version that the pins stand for. */
  readonly version: string;
  /** Folder below tools/go that holds go.mod and go.sum. */
  readonly recipe: string;
  /** Go package of the command; `.` is the recipe's folder itself. */
  readonly package: string;
  readonly ldflags: string;
  /** File name of the executable. */
  readonly output: string;
  /** First build with an empty Go cache, on two cores, downloads included; seconds. */
  readonly coldBuildSeconds: number;
  /** Build with a warm Go cache, on two cores; seconds. */
  readonly relinkSeconds: number;
  readonly purpose: string;
}

/** A command that a package of the distribution brings; its version is the distribution's. */
export interface DebianComponent {
  readonly kind: 'debian';
  readonly command: string;
  readonly package: string;
  readonly purpose: string;
}

/** A program from PyPI in a folder of its own, with the hashed pins of `tools/python/<recipe>`. */
export interface PythonComponent {
  readonly kind: 'python';
  /** Upstream version; the pins hold it and everything it needs. */
  readonly version: string;
  /** Folder below tools/python that holds requirements.txt; also the name of the package. */
  readonly recipe: string;
  /** Function that the program runs, as `module:function`. */
  readonly entry: string;
  /** First installation with an empty cache of pip, on two cores, downloads included; seconds. */
  readonly installSeconds: number;
  readonly purpose: string;
}

export type Component = GoComponent | PythonComponent | DebianComponent;

const strip = '-s -w';
const baoVersion = 'github.com/openbao/openbao/version';

export const COMPONENTS = {
  openbao: {
    kind: 'go',
    version: '2.4.0',
    recipe: 'openbao',
    package: 'github.com/openbao/openbao',
    ldflags: `${strip} -X ${baoVersion}.fullVersion=2.4.0 -X ${baoVersion}.Version=2.4.0`,
    output: 'bao',
    coldBuildSeconds: 480,
    relinkSeconds: 25,
    purpose: 'KMS: transit, kv, kubernetes auth, namespaces',
  },
  'csi-sanity': {
    kind: 'go',
    version: '5.6.0',
    recipe: 'csi-sanity',
    package: 'github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity',
    ldflags: strip,
    output: 'csi-sanity',
    coldBuildSeconds: 60,
    relinkSeconds: 2,
    purpose: 'conformance suite of the CSI specification',
  },
  etcd: {
    kind: 'go',
    version: '3.6.16',
    recipe: 'etcd',
    package: 'go.etcd.io/etcd/server/v3',
    ldflags: strip,
    output: 'etcd',
    coldBuildSeconds: 40,
    relinkSeconds: 4,
    purpose: 'storage of the API server',
  },
  'kube-apiserver': {
    kind: 'go',
    version: '1.34.4',
    recipe: 'kubernetes',
    package: 'k8s.io/kubernetes/cmd/kube-apiserver',
    ldflags: `${strip} -X k8s.io/component-base/version.gitVersion=v1.34.4`,
    output: 'kube-apiserver',
    coldBuildSeconds: 540,
    relinkSeconds: 20,
    purpose: 'Kubernetes API: manifests, TokenRequest, KMS v2',
  },
  'kube-controller-manager': {
    kind: 'go',
    version: '1.34.4',
    recipe: 'kubernetes',
    package: 'k8s.io/kubernetes/cmd/kube-controller-manager',
    ldflags: `${strip} -X k8s.io/component-base/version.gitVersion=v1.34.4`,
    output: 'kube-controller-manager',
    coldBuildSeconds: 130,
    relinkSeconds: 15,
    purpose: 'binds claims to volumes',
  },
  'kube-scheduler': {
    kind: 'go',
    version: '1.34.4',
    recipe: 'kubernetes',
    package: 'k8s.io/kubernetes/cmd/kube-scheduler',
    ldflags: `${strip} -X k8s.io/component-base/version.gitVersion=v1.34.4`,
    output: 'kube-scheduler',
    coldBuildSeconds: 40,
    relinkSeconds: 15,
    purpose: 'gives pods their node',
  },
  kubelet: {
    kind: 'go',
    version: '1.34.4',
    recipe: 'kubernetes',
    package: 'k8s.io/kubernetes/cmd/kubelet',
    ldflags: `${strip} -X k8s.io/component-base/version.gitVersion=v1.34.4`,
    output: 'kubelet',
    coldBuildSeconds: 90,
    relinkSeconds: 20,
    purpose: 'runs pods on a node',
  },
  kubectl: {
    kind: 'go',
    version: '1.34.4',
    recipe: 'kubernetes',
    package: 'k8s.io/kubernetes/cmd/kubectl',
    ldflags: `${strip} -X k8s.io/component-base/version.gitVersion=v1.34.4`,
    output: 'kubectl',
    coldBuildSeconds: 150,
    relinkSeconds: 10,
    purpose: 'command line of Kubernetes, for who has none',
  },
  pulumi: {
    kind: 'go',
    version: '3.259.0',
    recipe: 'pulumi',
    package: 'github.com/pulumi/pulumi/pkg/v3/cmd/pulumi',
    ldflags: `${strip} -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0`,
    output: 'pulumi',
    coldBuildSeconds: 600,
    relinkSeconds: 25,
    purpose: 'engine and command line of Pulumi',
  },
  'pulumi-language-nodejs': {
    kind: 'go',
    version: '3.68.0',
    recipe: 'pulumi-language-nodejs',
    package: 'github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs',
    ldflags: strip,
    output: 'pulumi-language-nodejs',
    coldBuildSeconds: 90,
    relinkSeconds: 5,
    purpose: 'host of Pulumi programs in Node',
  },
  'kms-baseline': {
    kind: 'go',
    version: '0.1.0',
    recipe: 'kms-baseline',
    package: '.',
    ldflags: strip,
    output: 'kms-baseline',
    coldBuildSeconds: 45,
    relinkSeconds: 2,
    purpose: 'KMS plugin to compare with, ours, on the Vault client',
  },
  'kms-load': {
    kind: 'go',
    version: '0.1.0',
    recipe: 'kms-load',
    package: '.',
    ldflags: strip,
    output: 'kms-load',
    coldBuildSeconds: 30,
    relinkSeconds: 2,
    purpose: 'calls KMS plugins as API servers do, and times it',
  },
  'csi-provisioner': {
    kind: 'go',
    version: '6.3.0',
    recipe: 'provisioner',
    package: 'github.com/kubernetes-csi/external-provisioner/v6/cmd/csi-provisioner',
    ldflags: strip,
    output: 'csi-provisioner',
    coldBuildSeconds: 150,
    relinkSeconds: 3,
    purpose: 'sidecar: claims become CreateVolume and DeleteVolume',
  },
  'csi-resizer': {
    kind: 'go',
    version: '2.3.0',
    recipe: 'resizer',
    package: 'github.com/kubernetes-csi/external-resizer/v2/cmd/csi-resizer',
    ldflags: strip,
    output: 'csi-resizer',
    coldBuildSeconds: 60,
    relinkSeconds: 3,
    purpose: 'sidecar: larger claims become ControllerExpandVolume',
  },
  'csi-snapshotter': {
    kind: 'go',
    version: '8.7.0',
    recipe: 'snapshotter',
    package: 'github.com/kubernetes-csi/external-snapshotter/v8/cmd/csi-snapshotter',
    ldflags: strip,
    output: 'csi-snapshotter',
    coldBuildSeconds: 60,
    relinkSeconds: 3,
    purpose: 'sidecar: snapshot contents become CreateSnapshot',
  },
  'snapshot-controller': {
    kind: 'go',
    version: '8.7.0',
    recipe: 'snapshotter',
    package: 'github.com/kubernetes-csi/external-snapshotter/v8/cmd/snapshot-controller',
    ldflags: strip,
    output: 'snapshot-controller',
    coldBuildSeconds: 10,
    relinkSeconds: 3,
    purpose: 'binds snapshots to their contents',
  },
  'csi-attacher': {
    kind: 'go',
    version: '4.12.0',
    recipe: 'attacher',
    package: 'github.com/kubernetes-csi/external-attacher/v4/cmd/csi-attacher',
    ldflags: strip,
    output: 'csi-attacher',
    coldBuildSeconds: 150,
    relinkSeconds: 3,
    purpose: 'sidecar: volumes of a cluster are attached to one node at a time',
  },
  'csi-addons-manager': {
    kind: 'go',
    version: '0.14.0',
    recipe: 'csi-addons',
    package: 'github.com/csi-addons/kubernetes-csi-addons/cmd/manager',
    ldflags: strip,
    output: 'csi-addons-manager',
    coldBuildSeconds: 90,
    relinkSeconds: 3,
    purpose: 'controller of CSI-Addons: schedules and jobs become calls',
  },
  'csi-addons-sidecar': {
    kind: 'go',
    version: '0.14.0',
    recipe: 'csi-addons',
    package: 'github.com/csi-addons/kubernetes-csi-addons/sidecar',
    ldflags: strip,
    output: 'csi-addons-sidecar',
    coldBuildSeconds: 20,
    relinkSeconds: 3,
    purpose: 'sidecar: calls of the controller reach the driver',
  },
  'pulumi-resource-vault': {
    kind: 'go',
    version: '3.3.1',
    recipe: 'pulumi-resource-vault',
    package: '.',
    ldflags: strip,
    output: 'pulumi-resource-vault',
    coldBuildSeconds: 240,
    relinkSeconds: 4,
    purpose: 'Vault provider of Pulumi',
  },
  pykmip: {
    kind: 'python',
    version: '0.11.0',
    recipe: 'pykmip',
    entry: 'kmip.services.server.server:main',
    installSeconds: 20,
    purpose: 'KMS: KMIP 1.4 with TLS client certificates',
  },
  moto: {
    kind: 'python',
    version: '5.2.5',
    recipe: 'moto',
    entry: 'moto.server:main',
    installSeconds: 60,
    purpose: 'KMS: the API of AWS KMS and STS',
  },
  cryptsetup: debian('cryptsetup', 'cryptsetup-bin', 'LUKS2 headers and mappings'),
  dmsetup: debian('dmsetup', 'dmsetup', 'device-mapper targets'),
  'mkfs.ext4': debian('mkfs.ext4', 'e2fsprogs', 'ext4 volumes'),
  'mkfs.xfs': debian('mkfs.xfs', 'xfsprogs', 'xfs volumes'),
  modprobe: debian('modprobe', 'kmod', 'kernel modules'),
  ip: debian('ip', 'iproute2', 'loopback interface of the guest'),
  'ceph-mon': debian('ceph-mon', 'ceph-mon', 'monitor of a Ceph cluster'),
  'ceph-osd': debian('ceph-osd', 'ceph-osd', 'storage of a Ceph cluster'),
  'ceph-mgr': debian('ceph-mgr', 'ceph-mgr', 'manager of a Ceph cluster: how full its pools are'),
  ceph: debian('ceph', 'ceph-common', 'commands ceph, rados and rbd; librados'),
  'rbd-nbd': debian('rbd-nbd', 'rbd-nbd', 'RBD images as network block devices'),
  containerd: debian('containerd', 'containerd', 'containers of a node, images'),
  crun: debian('crun', 'crun', 'starts a container'),
  'cni-plugins': debian('/usr/lib/cni/bridge', 'containernetworking-plugins', 'network of pods'),
  busybox: debian('busybox', 'busybox-static', 'the image of small test pods'),
  fio: debian('fio', 'fio', 'load for the benchmark of I/O'),
  openssl: debian('openssl', 'openssl', 'certificates of test servers'),
  'user-mode-linux': debian('linux.uml', 'user-mode-linux', 'kernel with dm-crypt for hosts that have none'),
} as const satisfies Record<string, Component>;

/** Name of a component in the table. */
export type ToolName = keyof typeof COMPONENTS;

export const TOOL_NAMES = Object.keys(COMPONENTS) as ToolName[];

/** Whether `name` is in the table. */
export function isToolName(name: string): name is ToolName {
  return Object.hasOwn(COMPONENTS, name);
}

/** The entry of `name`, as the general type. */
export function componentOf(name: ToolName): Component {
  return COMPONENTS[name];
}

function debian(command: string, packageName: string, purpose: string): DebianComponent {
  return { kind: 'debian', command, package: packageName, purpose };
}
