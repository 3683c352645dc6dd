// RKE2: arguments and mounts of the API server in config.yaml. Its own `secrets-encrypt` does not know such a configuration.
import { posix } from 'node:path';
import { type ApiServerAccess, apiServerFlags } from './api-server-access';

/** Entries of `/etc/rancher/rke2/config.yaml`; to be merged with the rest, list by list. */
export interface Rke2Config {
  /** Flags of the API server, each as `name=value`. */
  readonly 'kube-apiserver-arg': readonly string[];
  /** Directories that the API server's Pod mounts, each as `hostPath:mountPath`. */
  readonly 'kube-apiserver-extra-mount': readonly string[];
}

/** The entries that the API server's encryption needs. */
export function rke2Config(access: ApiServerAccess): Rke2Config {
  const directories = [posix.dirname(access.encryptionConfigFile), access.socketDirectory];
  return {
    'kube-apiserver-arg': apiServerFlags(access).map(([name, value]) => `${name}=${value}`),
    'kube-apiserver-extra-mount': directories.map((directory) => `${directory}:${directory}`),
  };
}
