/** Configuration of a node, as text by file name. */
import { join } from 'node:path';
import type { Certificate } from '../../test/harness/certificates';
import { clusterDomain, hostAddress, type NodeNetwork } from './addresses';
import { pauseImage } from './basic-images';
import { hostsFile } from './names';

export interface NodeFilesOptions {
  readonly network: NodeNetwork;
  /** The folder of these files: a node sees no other of the box. */
  readonly folder: string;
  readonly serving: Certificate;
  readonly caPem: string;
  /** Path of the program that starts containers. */
  readonly runtime: string;
}

/** What node.sh puts in its place; JSON is YAML. */
export function nodeFiles(options: NodeFilesOptions): Readonly<Record<string, string>> {
  return {
    'kubelet.yaml': JSON.stringify(kubeletConfiguration(options), null, 2),
    'containerd.toml': containerdConfiguration(options),
    'pods.conflist': JSON.stringify(podNetwork(options.network), null, 2),
    'ca.crt': options.caPem,
    'kubelet.crt': options.serving.certificatePem,
    'kubelet.key': options.serving.keyPem,
    'resolv.conf': `nameserver ${hostAddress}\n`,
    // Pods on the network of the node get a copy of it.
    hosts: hostsFile([options.network]),
  };
}

function kubeletConfiguration({ network, folder }: NodeFilesOptions): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    cgroupDriver: 'cgroupfs',
    enforceNodeAllocatable: [],
    failSwapOn: false,
    makeIPTablesUtilChains: false,
    address: network.address,
    readOnlyPort: 0,
    tlsCertFile: join(folder, 'kubelet.crt'),
    tlsPrivateKeyFile: join(folder, 'kubelet.key'),
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(folder, 'ca.crt') },
    },
    authorization: { mode: 'AlwaysAllow' },
    clusterDNS: [hostAddress],
    clusterDomain,
    resolvConf: '/etc/resolv.conf',
    nodeStatusUpdateFrequency: '5s',
    syncFrequency: '20s',
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    // Images are brought by hand: what is thrown away does not come back.
    imageGCHighThresholdPercent: 100,
    logging: { verbosity: 2 },
  };
}

/** For containerd 1.6 and 1.7, whose configuration has version 2. */
function containerdConfiguration({ runtime }: NodeFilesOptions): string {
  const disabled = ['btrfs', 'zfs', 'aufs', 'devmapper'].map((name) => `"io.containerd.snapshotter.v1.${name}"`);
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [${[...disabled, '"io.containerd.internal.v1.tracing"'].join(', ')}]
[${cri}]
sandbox_image = "${pauseImage}"
[${cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
SystemdCgroup = false
BinaryName = "${runtime}"
`;
}

function podNetwork({ podRange }: NodeNetwork): object {
  const ipam = { type: 'host-local', ranges: [[{ subnet: podRange }]], routes: [{ dst: '0.0.0.0/0' }] };
  return {
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [{ type: 'bridge', bridge: 'cni0', isGateway: true, ipMasq: false, ipam }],
  };
}
