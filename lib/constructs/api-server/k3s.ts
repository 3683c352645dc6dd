// k3s: the API server is part of the k3s process, and so is the kubelet that would start a static Pod: too late. The plugin
// is a service of the system, ordered before k3s. `k3s secrets-encrypt` does not know such a configuration.
import { type ApiServerAccess, apiServerFlags } from './api-server-access';
import type { NodeFile } from './node-file';

/** Entries of `/etc/rancher/k3s/config.yaml`; to be merged with the rest. Nothing is mounted: there is no container. */
export interface K3sConfig {
  /** Flags of the API server, each as `name=value`. */
  readonly 'kube-apiserver-arg': readonly string[];
}

/** The entries that the API server's encryption needs. */
export function k3sConfig(access: ApiServerAccess): K3sConfig {
  return { 'kube-apiserver-arg': apiServerFlags(access).map(([name, value]) => `${name}=${value}`) };
}

/** What the service runs. */
export interface K3sServiceProps {
  /** Name of the plugin. */
  readonly name: string;
  /**
   * The executable of keyward on the node; it needs Node.js there as well.
   * @default /usr/local/bin/keyward
   */
  readonly executable?: string;
  /** Configuration file of the plugin: an absolute path on the node. */
  readonly configFile: string;
  /** Directory of the socket. */
  readonly socketDirectory: string;
}

/** The systemd unit. `systemctl enable` makes k3s start it. */
export function k3sService({
  name,
  executable = '/usr/local/bin/keyward',
  configFile,
  socketDirectory,
}: K3sServiceProps): NodeFile {
  const text = `[Unit]
Description=keyward KMS plugin of the Kubernetes API server
Wants=network-online.target
After=network-online.target
Before=k3s.service

[Service]
ExecStartPre=/bin/mkdir -p ${socketDirectory}
ExecStart=${executable} kms-plugin --config ${configFile}
Restart=always
RestartSec=1
TimeoutStopSec=30
NoNewPrivileges=true
CapabilityBoundingSet=
ProtectHome=true
ProtectKernelTunables=true
ProtectControlGroups=true
PrivateDevices=true
PrivateTmp=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native

[Install]
WantedBy=k3s.service multi-user.target
`;
  return { path: `/etc/systemd/system/keyward-${name}.service`, mode: '0644', text };
}
