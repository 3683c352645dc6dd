// Pods that run a KMS plugin of the API server: keyward's own, and vault-kubernetes-kms.
import { type KmsPluginConfig, settleKmsPluginConfig } from '../../schema/kms-plugin';
import { SchemaError, type SchemaIssue } from '../../schema/schema-error';
import { type NodeFileView, nodeFileAt, type ReadYaml } from './embedded-documents';
import type { ObjectSet } from './object-set';
import { goBooleanOf } from './values';
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
  /** Whether the certificate of Vault is not looked at. */
  readonly skipsVerification: boolean;
  /** keyward's configuration file, where the set has it. */
  readonly file: KmsPluginFile | undefined;
}

/** A configuration file of keyward's plugin. */
export interface KmsPluginFile extends NodeFileView {
  /** What the plugin would read; absent when it would refuse. */
  readonly config?: KmsPluginConfig;
  readonly issues: readonly SchemaIssue[];
}

/** The KMS plugins of a set. */
export function kmsPluginPodsOf(
  workloads: readonly Workload[],
  objects: ObjectSet,
  readYaml: ReadYaml | undefined,
): readonly KmsPluginPod[] {
  return workloads.flatMap((workload) =>
    workload.containers.flatMap((container) => {
      const program = programOf(container);
      if (program === undefined) return [];
      const path = program === 'keyward' ? flagOf(container, 'config') : undefined;
      const file = path === undefined ? undefined : fileOf(objects, path, readYaml);
      return [pluginOf(workload, container, program, file)];
    }),
  );
}

function fileOf(objects: ObjectSet, path: string, readYaml: ReadYaml | undefined): KmsPluginFile | undefined {
  const view = nodeFileAt(objects.of('ConfigMap', 'Secret'), path, readYaml);
  if (view === undefined) return undefined;
  try {
    return { ...view, config: settleKmsPluginConfig(view.document), issues: [] };
  } catch (error) {
    if (error instanceof SchemaError) return { ...view, issues: error.issues };
    throw error;
  }
}

function programOf({ image, words }: Container): KmsPluginPod['program'] | undefined {
  if (words.some((word) => word === 'kms-plugin') && !words.includes('doctor')) return 'keyward';
  const named = /(^|\/)vault-kubernetes-kms([:@]|$)/;
  return named.test(image) || words.slice(0, 1).some((word) => named.test(word)) ? 'vault-kubernetes-kms' : undefined;
}

/** A flag wins over a variable, and both over the file. */
function pluginOf(
  workload: Workload,
  container: Container,
  program: KmsPluginPod['program'],
  file: KmsPluginFile | undefined,
): KmsPluginPod {
  const setting = (flag: string, ...variables: string[]) =>
    flagOf(container, flag) ?? variableOf(container, ...variables);
  // What a configuration file says that is not in the set is not known here.
  const isInFile = program === 'keyward' && flagOf(container, 'config') !== undefined;
  const config = file?.config;
  const endpoint = setting('socket', 'VAULT_KMS_SOCKET') ?? config?.socket.endpoint;
  const skips =
    flagOf(container, 'vault-skip-verify', 'insecure-skip-verify') ?? variableOf(container, ...skipVariables);
  return {
    workload,
    container,
    program,
    address: setting('vault-address', 'VAULT_KMS_VAULT_ADDR', 'VAULT_ADDR', 'BAO_ADDR') ?? config?.vault.address,
    authMethod: setting('auth-method', 'VAULT_KMS_AUTH_METHOD') ?? config?.auth.method,
    socket: socketPath(endpoint ?? (isInFile ? '' : 'unix:///opt/kms/vaultkms.socket')),
    transitMount: setting('transit-mount', 'VAULT_KMS_TRANSIT_MOUNT') ?? config?.transit.mount ?? 'transit',
    transitKey: setting('transit-key', 'VAULT_KMS_TRANSIT_KEY') ?? config?.transit.key ?? 'kms',
    skipsVerification: skips === undefined ? config?.vault.insecureSkipVerify === true : goBooleanOf(skips) === true,
    file,
  };
}

const skipVariables = ['VAULT_KMS_VAULT_SKIP_VERIFY', 'VAULT_KMS_SKIP_VERIFY', 'VAULT_SKIP_VERIFY', 'BAO_SKIP_VERIFY'];

/** The file of `unix:///path`; nothing for an abstract socket or anything else. */
export function socketPath(endpoint: string): string | undefined {
  const path = /^unix:\/\/(\/[^@].*)$/.exec(endpoint)?.[1];
  return path?.replace(/\/{2,}/g, '/');
}
