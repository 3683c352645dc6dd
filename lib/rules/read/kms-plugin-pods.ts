// Pods that run a KMS plugin of the API server: keyward's own, and vault-kubernetes-kms.
import type { Container, Workload } from './workloads';
import { flagOf, variableOf } from './workloads';

/** One running KMS plugin. */
export interface KmsPluginPod {
  readonly workload: Workload;
  readonly container: Container;
  readonly program: 'keyward' | 'vault-kubernetes-kms';
  readonly address: string | undefined;
  readonly authMethod: string | undefined;
  /** Path of the socket file; absent for the abstract namespace, and where only its configuration file says it. */
  readonly socket: string | undefined;
  readonly transitMount: string;
  readonly transitKey: string;
}

/** The KMS plugins of a set. */
export function kmsPluginPodsOf(workloads: readonly Workload[]): readonly KmsPluginPod[] {
  return workloads.flatMap((workload) =>
    workload.containers.flatMap((container) => {
      const program = programOf(container);
      return program === undefined ? [] : [pluginOf(workload, container, program)];
    }),
  );
}

function programOf({ image, words }: Container): KmsPluginPod['program'] | undefined {
  if (words.some((word) => word === 'kms-plugin') && !words.includes('doctor')) return 'keyward';
  const named = /(^|\/)vault-kubernetes-kms([:@]|$)/;
  return named.test(image) || words.slice(0, 1).some((word) => named.test(word)) ? 'vault-kubernetes-kms' : undefined;
}

function pluginOf(workload: Workload, container: Container, program: KmsPluginPod['program']): KmsPluginPod {
  const setting = (flag: string, ...variables: string[]) =>
    flagOf(container, flag) ?? variableOf(container, ...variables);
  // A configuration file is not in the set: what it says is not known here.
  const isInFile = program === 'keyward' && flagOf(container, 'config') !== undefined;
  const endpoint = setting('socket', 'VAULT_KMS_SOCKET') ?? (isInFile ? '' : 'unix:///opt/kms/vaultkms.socket');
  return {
    workload,
    container,
    program,
    address: setting('vault-address', 'VAULT_KMS_VAULT_ADDR', 'VAULT_ADDR', 'BAO_ADDR'),
    authMethod: setting('auth-method', 'VAULT_KMS_AUTH_METHOD'),
    socket: socketPath(endpoint),
    transitMount: setting('transit-mount', 'VAULT_KMS_TRANSIT_MOUNT') ?? 'transit',
    transitKey: setting('transit-key', 'VAULT_KMS_TRANSIT_KEY') ?? 'kms',
  };
}

/** The file of `unix:///path`; nothing for an abstract socket or anything else. */
export function socketPath(endpoint: string): string | undefined {
  const path = /^unix:\/\/(\/[^@].*)$/.exec(endpoint)?.[1];
  return path?.replace(/\/{2,}/g, '/');
}
