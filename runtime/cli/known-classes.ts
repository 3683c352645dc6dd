/** Where `--class` looks for the class of volumes that do not name it: the Kubernetes API, if there is a way to it. */
import { access } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { mountPaths } from '../../lib/schema/names';
import { readDocument } from '../kms-plugin/settings/read-file';
import { type KubernetesAccess, type KubernetesEndpoint, kubernetesAccess } from '../kubernetes/access';
import { KubernetesClient } from '../kubernetes/client';
import { kubeconfigEndpoint } from '../kubernetes/kubeconfig';
import { classesOfVolumes, type KnownClasses } from '../rotation/class-of';

export interface ClassFlags {
  readonly class?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
}

export function addClassOptions(command: Command): Command {
  return command
    .option('--class <name>', 'volumes of one StorageClass')
    .option('--kubeconfig <file>', 'with --class: ask Kubernetes for the class of volumes that do not name it')
    .option('--context <name>', 'of the kubeconfig');
}

/** Empty without `--class`, and where nothing says how Kubernetes is reached. @throws CodedError CONFIG_*, KMS_*. */
export async function knownClasses(flags: ClassFlags): Promise<KnownClasses> {
  const endpoint = flags.class === undefined ? undefined : await endpointIfGiven(flags);
  if (endpoint === undefined) return new Map();
  const client = new KubernetesClient({ ...endpoint, remedyWhenForbidden: 'Let this identity list persistentvolumes' });
  try {
    return await classesOfVolumes(client);
  } finally {
    client.close();
  }
}

/** A pod has an identity when its token is mounted; the driver's own container has none unless it needs one. */
async function endpointIfGiven({
  kubeconfig,
  context,
}: ClassFlags): Promise<KubernetesAccess | KubernetesEndpoint | undefined> {
  if (kubeconfig !== undefined)
    return kubeconfigEndpoint(await readDocument(kubeconfig), dirname(resolve(kubeconfig)), context);
  if (process.env.KUBERNETES_SERVICE_HOST === undefined) return undefined;
  const { apiAccess: folder } = mountPaths;
  for (const given of [{ caFile: join(folder, 'ca.crt'), tokenFile: join(folder, 'token') }, {}]) {
    const pod = kubernetesAccess(given, process.env);
    if ((await isReadable(pod.tokenFile)) && (await isReadable(pod.caFile))) return pod;
  }
  return undefined;
}

function isReadable(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
