// Trap 13: the API server needs its KMS before there is a cluster, and the KMS needs the cluster.
import { serviceAccountTokenFile } from '../schema/names';
import type { Cluster } from './read/cluster';
import { type KmsPluginPod, socketPath } from './read/kms-plugin-pods';
import { at, fieldsOf, listOf, pathOf, textOf } from './read/values';
import { isBelowVersion } from './read/version';
import { flagOf, isBelow, volumeAt } from './read/workloads';
import type { Fault, Rule } from './rule';

/** The rule. */
export const coldStart: Rule = {
  id: 'KW13',
  slug: 'cold-start',
  title: 'The API server cannot start from cold with this KMS',
  severity: 'error',
  why: 'After a power cut the kubelet starts static pods, the API server waits for the socket of its KMS plugin, and nothing else of the cluster is there: no service account, no Secret, no DNS, no Vault that runs as a pod. Each of these makes a cluster that runs well until it is switched off once.',
  evidence: { known: 'reported', where: 'vault-kubernetes-kms#80 #81 #134 #201, k3s#10058, kubernetes#93968' },
  remedy:
    'Run the plugin as a static pod with credentials in files of the node, against a Vault outside of the cluster',
  checks: [
    'the plugin is a pod by itself, and no DaemonSet or Deployment',
    'it does not log in with a service account, and takes nothing from Secrets or ConfigMaps',
    'it has the network of the host, and its Vault is no Service of the cluster',
    'the folder of its socket comes from the host',
    'the API server mounts the folder of its configuration and of each socket, at the same path',
    'an endpoint of the EncryptionConfiguration is the socket of a plugin of the set, if there is one',
    'KMS v1 is on in this version of Kubernetes, and v2 known; `cachesize` only with v1; names are unique and without a colon',
  ],
  *check(cluster) {
    for (const plugin of cluster.kmsPlugins()) yield* pluginFaults(plugin);
    yield* mountFaults(cluster);
    yield* configurationFaults(cluster);
  },
};

function* pluginFaults(plugin: KmsPluginPod): Generator<Fault> {
  const { workload, container, authMethod, address } = plugin;
  const { object, pod, path, volumes } = workload;
  if (object.kind !== 'Pod') {
    const message = 'runs the KMS plugin, and is itself started by the API server that waits for it';
    yield {
      object,
      path: 'kind',
      message,
      got: object.kind,
      allowed: 'a static Pod',
      remedy: 'Write it as a Pod into the folder of static pods of each control-plane node',
    };
    return;
  }
  const usesAccount =
    authMethod === 'jwt' &&
    (flagOf(container, 'jwt-token-path') ?? serviceAccountTokenFile) === serviceAccountTokenFile &&
    flagOf(container, 'jwt-token-source') !== 'spiffe';
  if (authMethod === 'kubernetes' || usesAccount) {
    const message = 'logs in with the token of a service account, which a static pod does not have';
    yield {
      object,
      path: container.path,
      message,
      got: authMethod ?? '',
      allowed: 'approle, cert, token, or jwt with a token of the node',
    };
  }
  if (at(pod, 'hostNetwork') !== true) {
    const message = 'is not true: the network of the cluster is not there when the node starts';
    yield {
      object,
      path: `${path}.hostNetwork`,
      message,
      got: 'false',
      allowed: 'true',
      remedy: 'Set hostNetwork: true',
    };
  }
  for (const [index, volume] of volumes.entries()) {
    const kind = ['secret', 'configMap', 'projected', 'persistentVolumeClaim'].find((each) =>
      Object.hasOwn(volume, each),
    );
    if (kind === undefined) continue;
    yield {
      object,
      path: pathOf('spec', 'volumes', index, kind),
      message: 'is an object of the API, which a static pod cannot have',
      got: kind,
      allowed: 'hostPath',
      remedy: 'Put the file on the node and mount it with hostPath',
    };
  }
  yield* variableFaults(plugin);
  if (address !== undefined && isService(address)) {
    const message =
      'uses a Vault that is a Service of a cluster: its name and its pods are not there before the API server';
    yield { object, path: container.path, message, got: 'a Service', allowed: 'an address outside of the cluster' };
  }
  yield* socketFaults(plugin);
}

function* variableFaults({ workload: { object }, container }: KmsPluginPod): Generator<Fault> {
  const sources = [
    ...listOf(at(container.fields, 'envFrom')).map((source, index) => [pathOf('envFrom', index), source] as const),
    ...listOf(at(container.fields, 'env')).map(
      (entry, index) => [pathOf('env', index), at(entry, 'valueFrom')] as const,
    ),
  ];
  for (const [place, source] of sources) {
    const kind = Object.keys(fieldsOf(source)).find((each) => /^(secret|configMap)(Ref|KeyRef)$/.test(each));
    if (kind === undefined) continue;
    yield {
      object,
      path: `${container.path}.${place}`,
      message: 'takes a value from an object of the API, which a static pod cannot',
      got: kind,
      allowed: 'a file of the node',
    };
  }
}

function* socketFaults({ workload, container, socket }: KmsPluginPod): Generator<Fault> {
  if (socket === undefined) return;
  const volume = volumeAt(workload, container, socket);
  if (volume !== undefined && at(volume, 'hostPath') !== undefined) return;
  const message = 'does not share the folder of its socket with the host: the API server cannot see it';
  yield {
    object: workload.object,
    path: `${container.path}.volumeMounts`,
    message,
    got: 'no hostPath',
    allowed: folderOf(socket),
    remedy: 'Mount the folder of the socket with hostPath',
  };
}

function* mountFaults(cluster: Cluster): Generator<Fault> {
  const sockets = endpointsOf(cluster).flatMap(({ endpoint }) => socketPath(endpoint) ?? []);
  for (const { object, path, configFile, mounts } of cluster.apiServers()) {
    if (configFile === undefined) continue;
    for (const needed of new Set([configFile, ...sockets.map(folderOf)])) {
      if (mounts.some((mount) => isBelow(needed, mount))) continue;
      const message = 'does not mount what the API server needs for its KMS';
      yield {
        object,
        path,
        message,
        got: mounts.join(', ') || 'nothing',
        allowed: needed,
        remedy: `Mount ${needed === configFile ? folderOf(needed) : needed} of the host at the same path`,
      };
    }
  }
  const served = cluster.kmsPlugins().map(({ socket }) => socket);
  if (served.length === 0 || served.includes(undefined)) return;
  for (const { object, path, endpoint } of endpointsOf(cluster)) {
    const socket = socketPath(endpoint);
    if (socket === undefined || served.includes(socket)) continue;
    yield {
      object,
      path: `${path}.endpoint`,
      message: 'is the socket of no KMS plugin of the set',
      got: endpoint,
      allowed: served.map((each) => `unix://${each}`).join(', '),
    };
  }
}

interface Endpoint {
  readonly object: Fault['object'];
  readonly path: string;
  readonly endpoint: string;
  readonly kms: unknown;
}

function endpointsOf({ objects }: Cluster): readonly Endpoint[] {
  return objects.of('EncryptionConfiguration').flatMap((object) =>
    listOf(at(object.fields, 'resources')).flatMap((entry, index) =>
      listOf(at(entry, 'providers')).flatMap((provider, position) => {
        const kms = at(provider, 'kms');
        const path = pathOf('resources', index, 'providers', position, 'kms');
        return kms === undefined ? [] : [{ object, path, kms, endpoint: textOf(at(kms, 'endpoint')) ?? '' }];
      }),
    ),
  );
}

function* configurationFaults(cluster: Cluster): Generator<Fault> {
  const { clusterVersion } = cluster.context;
  const isGateOpen = cluster.apiServers().some(({ featureGates }) => /(^|,)KMSv1=true(,|$)/.test(featureGates));
  const isOld = clusterVersion !== undefined && isBelowVersion(clusterVersion, '1.29');
  const names = new Map<string, string>();
  for (const { object, path, endpoint, kms } of endpointsOf(cluster)) {
    const version = textOf(at(kms, 'apiVersion')) ?? 'v1';
    if (version === 'v1' && !isOld && !isGateOpen) {
      const message = 'is v1, which is off since Kubernetes 1.29: without apiVersion it is v1, too';
      yield {
        object,
        path: `${path}.apiVersion`,
        message,
        got: version,
        allowed: 'v2',
        remedy: 'Write apiVersion: v2, or open the gate KMSv1=true for as long as old data is there',
      };
    }
    if (version === 'v2' && clusterVersion !== undefined && isBelowVersion(clusterVersion, '1.27')) {
      yield {
        object,
        path: `${path}.apiVersion`,
        message: `is v2, which is not on in Kubernetes ${clusterVersion}`,
        got: version,
        allowed: 'v1',
        remedy: 'Upgrade first, or write v1',
      };
    }
    if (version === 'v2' && at(kms, 'cachesize') !== undefined) {
      yield {
        object,
        path: `${path}.cachesize`,
        message: 'is for v1 only: the API server refuses the file',
        remedy: 'Remove it',
      };
    }
    const name = textOf(at(kms, 'name')) ?? '';
    if (name === '' || name.includes(':')) {
      yield {
        object,
        path: `${path}.name`,
        message: 'is empty or has a colon: the API server refuses the file',
        allowed: 'a name without ":"',
        remedy: 'Choose another name, as long as nothing is written with it',
      };
    }
    // One provider may stand in the lists of several resources; two sockets under one name may not.
    if (version === 'v2' && names.has(name) && names.get(name) !== endpoint) {
      yield {
        object,
        path: `${path}.name`,
        message: 'is the name of another provider, too',
        allowed: 'a name of its own',
      };
    }
    names.set(name, endpoint);
    if (/^unix:\/\/\/./.test(endpoint)) continue;
    yield {
      object,
      path: `${path}.endpoint`,
      message: 'is no unix socket',
      allowed: 'unix:///path',
      remedy: 'Write unix:// and the absolute path of the socket',
    };
  }
}

function isService(address: string): boolean {
  const host = URL.canParse(address) ? new URL(address).hostname : '';
  return /\.svc(\.|$)|\.cluster\.local\.?$/.test(host);
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 1));
}
