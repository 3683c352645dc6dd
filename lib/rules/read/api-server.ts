// API servers and how they are started: the static pod, kubeadm's configuration, and machine configurations.
import type { KubernetesObject } from './kubernetes-object';
import type { ObjectSet } from './object-set';
import { at, type Fields, fieldsOf, isFields, listOf, textOf, wordOf, wordsOf } from './values';
import type { Workload } from './workloads';

/** One API server, wherever its flags stand. */
export interface ApiServer {
  readonly object: KubernetesObject;
  readonly path: string;
  /** `--encryption-provider-config`. */
  readonly configFile: string | undefined;
  readonly featureGates: string;
  /** Paths inside the API server's container that come from the host. */
  readonly mounts: readonly string[];
}

/** The API servers of a set. */
export function apiServersOf(objects: ObjectSet, workloads: readonly Workload[]): readonly ApiServer[] {
  const pods = workloads.flatMap(({ object, containers, path }) =>
    containers
      .filter(({ words }) => words.some((word) => /(^|\/)kube-apiserver$/.test(word)))
      .map(({ words, mounts }) =>
        server(
          object,
          path,
          words,
          mounts.map((mount) => textOf(at(mount, 'mountPath')) ?? ''),
        ),
      ),
  );
  const kubeadm = objects.of('ClusterConfiguration').map((object) => {
    const apiServer = fieldsOf(at(object.fields, 'apiServer'));
    return server(object, 'apiServer', argumentsOf(at(apiServer, 'extraArgs')), mountPaths(apiServer));
  });
  // Files of RKE2 and Talos are no Kubernetes objects and have no kind.
  const machines = objects.of('').flatMap((object) => machine(object));
  return [...pods, ...kubeadm, ...machines];
}

function machine(object: KubernetesObject): ApiServer[] {
  const extraMounts = at(object.fields, 'kube-apiserver-extra-mount');
  const rke2 = at(object.fields, 'kube-apiserver-arg');
  if (rke2 !== undefined) {
    const mounts = [...wordsOf(extraMounts), ...(textOf(extraMounts) === undefined ? [] : [String(extraMounts)])];
    const words = textOf(rke2) === undefined ? wordsOf(rke2) : [String(rke2)];
    const found = server(
      object,
      'kube-apiserver-arg',
      words.map((word) => `--${word}`),
      mounts.map((mount) => mount.split(':')[1] ?? ''),
    );
    // Without mounts the file may be one of k3s, whose API server is a process of the node and needs none.
    return [extraMounts === undefined ? { ...found, configFile: undefined } : found];
  }
  const talos = at(object.fields, 'cluster', 'apiServer');
  if (!isFields(talos)) return [];
  return [server(object, 'cluster.apiServer', argumentsOf(at(talos, 'extraArgs')), mountPaths(talos))];
}

function server(
  object: KubernetesObject,
  path: string,
  words: readonly string[],
  mounts: readonly string[],
): ApiServer {
  const flag = (name: string) =>
    words.flatMap((word) => new RegExp(`^--?${name}=([\\s\\S]*)$`).exec(word)?.[1] ?? []).at(-1);
  return {
    object,
    path,
    configFile: flag('encryption-provider-config'),
    featureGates: flag('feature-gates') ?? '',
    mounts: mounts.filter((mount) => mount !== ''),
  };
}

/** kubeadm: a map until v1beta3, a list of name and value since v1beta4. */
function argumentsOf(value: unknown): string[] {
  const pairs: readonly (readonly [unknown, unknown])[] = Array.isArray(value)
    ? listOf(value).map((entry) => [at(entry, 'name'), at(entry, 'value')] as const)
    : Object.entries(fieldsOf(value));
  return pairs.map(([name, argument]) => `--${wordOf(name) ?? ''}=${wordOf(argument) ?? ''}`);
}

function mountPaths(apiServer: Fields): string[] {
  return listOf(at(apiServer, 'extraVolumes')).map((volume) => textOf(at(volume, 'mountPath')) ?? '');
}
