// Where each distribution keeps what the API server's encryption needs.

/** A distribution whose API server can be told to use a KMS plugin. */
export type Distribution = 'kubeadm' | 'rke2' | 'k3s' | 'talos';

/** Directories on a control-plane node. */
export interface DistributionPaths {
  /** Configuration and credentials of the plugin. */
  readonly plugin: string;
  readonly socket: string;
  /** The EncryptionConfiguration, alone: the API server sees this directory, and not that of the plugin. */
  readonly encryption: string;
  /** Static Pods. */
  readonly manifests: string;
  /** Where the distribution's own settings stand, into which ours are merged. */
  readonly settings: string;
}

const socket = '/var/run/kmsplugin';
const plugin = '/etc/keyward/kms-plugin';

/** By distribution. Talos has no folders of its own for pods and settings: both are the machine configuration. */
export const distributionPaths: Readonly<Record<Distribution, DistributionPaths>> = {
  kubeadm: {
    plugin,
    socket,
    encryption: '/etc/kubernetes/encryption',
    manifests: '/etc/kubernetes/manifests',
    settings: 'kubeadm.yaml',
  },
  rke2: {
    plugin,
    socket,
    encryption: '/etc/rancher/rke2/encryption',
    manifests: '/var/lib/rancher/rke2/agent/pod-manifests',
    settings: '/etc/rancher/rke2/config.yaml',
  },
  k3s: {
    plugin,
    socket,
    encryption: '/etc/rancher/k3s/encryption',
    manifests: '',
    settings: '/etc/rancher/k3s/config.yaml',
  },
  talos: {
    plugin: '/var/lib/keyward/kms-plugin',
    socket,
    encryption: '/var/lib/keyward/encryption',
    manifests: '',
    settings: 'controlplane-patch.yaml',
  },
};
