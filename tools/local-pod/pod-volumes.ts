/**
 * Gives the volumes of a pod a place on this machine: what is on the node becomes a folder below `root/node`, what the
 * kubelet would write becomes files below `root/pod`. What belongs to the kernel stays where it is.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import type { Secret } from '../../runtime/secret';
import type { Manifests } from './manifests';
import { type MappedMount, PathMap } from './path-map';
import type { Container, Item, PodTemplate, Projection, Volume } from './pod-template';

/** A Kubernetes Secret that exists in memory only. */
export interface SecretObject {
  readonly namespace: string;
  readonly name: string;
  readonly data: Readonly<Record<string, Secret>>;
}

export interface ClusterState {
  readonly manifests: Manifests;
  readonly secrets: readonly SecretObject[];
  /** What the kubelet would project for the service account. Without it the file is left out. */
  readonly serviceAccountToken?: Secret;
}

/** Folders of the kernel, or shared with every process that uses the device mapper. */
const kernelFolders = ['/dev', '/sys', '/proc', '/lib/modules', '/run/cryptsetup'];

/** Makes the folders and files of all volumes that the container mounts, and tells where they are. */
export function placeVolumes(
  root: string,
  { template, namespace }: { readonly template: PodTemplate; readonly namespace: string },
  container: Container,
  state: ClusterState,
): PathMap {
  const volumes = new Map(template.spec.volumes.map((volume) => [volume.name, volume]));
  const mounted = container.volumeMounts.map((mount) => {
    const volume = volumes.get(mount.name);
    if (!volume) throw new Error(`the container ${container.name} mounts ${mount.name}, which is no volume of the pod`);
    return { mount, volume };
  });
  const paths = new PathMap(
    mounted.map(
      ({ mount, volume }): MappedMount => ({
        mountPath: posix.normalize(mount.mountPath),
        localPath: join(localFolder(root, volume), mount.subPath ?? ''),
        isBidirectional: mount.mountPropagation === 'Bidirectional',
      }),
    ),
  );
  // After the map is whole, because the files name paths of other volumes.
  for (const { volume } of mounted) {
    const folder = localFolder(root, volume);
    if (volume.hostPath && isKernelFolder(volume.hostPath.path)) continue;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    new VolumeWriter(folder, namespace, paths, state).write(volume);
  }
  return paths;
}

function localFolder(root: string, { name, hostPath }: Volume): string {
  if (hostPath === undefined) return join(root, 'pod', name);
  return isKernelFolder(hostPath.path) ? hostPath.path : join(root, 'node', hostPath.path);
}

function isKernelFolder(path: string): boolean {
  return kernelFolders.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

class VolumeWriter {
  constructor(
    private readonly folder: string,
    private readonly namespace: string,
    private readonly paths: PathMap,
    private readonly state: ClusterState,
  ) {}

  write({ name, configMap, secret, projected, hostPath, emptyDir }: Volume): void {
    if (configMap) this.#configMap(configMap);
    else if (secret) this.#secret({ name: secret.secretName, ...(secret.items && { items: secret.items }) });
    else if (projected) for (const source of projected.sources) this.#projection(source, name);
    else if (hostPath === undefined && emptyDir === undefined)
      throw new Error(`the volume ${name} is of a kind that cannot be given to a process`);
  }

  #projection({ configMap, secret, serviceAccountToken, downwardAPI }: Projection, volume: string): void {
    if (configMap) this.#configMap(configMap);
    else if (secret) this.#secret(secret);
    else if (serviceAccountToken) {
      this.state.serviceAccountToken?.use((bytes) => this.#file(serviceAccountToken.path, bytes, 0o600));
    } else if (downwardAPI?.items.every(({ fieldRef }) => fieldRef.fieldPath === 'metadata.namespace')) {
      for (const { path } of downwardAPI.items) this.#file(path, this.namespace, 0o644);
    } else throw new Error(`the projected volume ${volume} has a source that cannot be given to a process`);
  }

  #configMap({ name, items }: { readonly name: string; readonly items?: readonly Item[] | undefined }): void {
    const data = this.state.manifests.configMap(name);
    for (const { key, path, mode } of items ??
      Object.keys(data).map((each) => ({ key: each, path: each, mode: undefined }))) {
      const text = data[key];
      if (text === undefined) throw new Error(`the ConfigMap ${name} has no key ${key}`);
      this.#file(path, this.paths.rewriteDocument(text), mode ?? 0o644);
    }
  }

  #secret({ name, items }: { readonly name: string; readonly items?: readonly Item[] | undefined }): void {
    const found = this.state.secrets.find((each) => each.name === name && each.namespace === this.namespace);
    if (!found) throw new Error(`the pod mounts the Secret ${this.namespace}/${name}, which was not given`);
    for (const { key, path } of items ?? Object.keys(found.data).map((each) => ({ key: each, path: each }))) {
      const value = found.data[key];
      if (value === undefined) throw new Error(`the Secret ${name} has no key ${key}`);
      value.use((bytes) => this.#file(path, bytes, 0o600));
    }
  }

  #file(path: string, content: string | Uint8Array, mode: number): void {
    const target = join(this.folder, path);
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    writeFileSync(target, content, { mode });
    chmodSync(target, mode);
  }
}
