// kubeadm: arguments and volumes of the API server in its ClusterConfiguration.
import { posix } from 'node:path';
import { type ApiServerAccess, apiServerFlags } from './api-server-access';

/** A volume of the API server's static Pod. */
export interface KubeadmVolume {
  /** Name of the volume in the Pod. */
  readonly name: string;
  /** Directory on the node. */
  readonly hostPath: string;
  /** Where the API server sees it: the same path. */
  readonly mountPath: string;
  /** Whether the API server may only read it. */
  readonly readOnly: boolean;
  /** Whether the directory is there, or is made. */
  readonly pathType: 'Directory' | 'DirectoryOrCreate';
}

/** The part of a ClusterConfiguration that the API server's encryption needs; to be merged with the rest. */
export type KubeadmClusterConfiguration = {
  readonly kind: 'ClusterConfiguration';
} & (
  | {
      readonly apiVersion: 'kubeadm.k8s.io/v1beta4';
      readonly apiServer: {
        readonly extraArgs: readonly { readonly name: string; readonly value: string }[];
        readonly extraVolumes: readonly KubeadmVolume[];
      };
    }
  | {
      readonly apiVersion: 'kubeadm.k8s.io/v1beta3';
      readonly apiServer: {
        readonly extraArgs: Readonly<Record<string, string>>;
        readonly extraVolumes: readonly KubeadmVolume[];
      };
    }
);

/** kubeadm knows v1beta4, with its lists of arguments, from this version on. */
const firstMinorOfV1beta4 = 31;

/**
 * Directories are mounted, not files: a file that is replaced by renaming, as it should be, would stay the old one in the
 * container, and the socket does not exist yet when the mount is made.
 */
export function kubeadmConfiguration(access: ApiServerAccess): KubeadmClusterConfiguration {
  const configDirectory = posix.dirname(access.encryptionConfigFile);
  const extraVolumes: readonly KubeadmVolume[] = [
    volume('encryption-configuration', configDirectory, 'Directory'),
    volume('kms-plugin-socket', access.socketDirectory, 'DirectoryOrCreate'),
  ];
  const flags = apiServerFlags(access);
  const kind = 'ClusterConfiguration';
  if (access.kubernetesMinor < firstMinorOfV1beta4) {
    const apiServer = { extraArgs: Object.fromEntries(flags), extraVolumes };
    return { apiVersion: 'kubeadm.k8s.io/v1beta3', kind, apiServer };
  }
  const extraArgs = flags.map(([name, value]) => ({ name, value }));
  return { apiVersion: 'kubeadm.k8s.io/v1beta4', kind, apiServer: { extraArgs, extraVolumes } };
}

function volume(name: string, path: string, pathType: KubeadmVolume['pathType']): KubeadmVolume {
  // To connect to a socket needs no right to write to its directory.
  return { name, hostPath: path, mountPath: path, readOnly: true, pathType };
}
