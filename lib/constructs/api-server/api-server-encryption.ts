// Encryption of etcd by a KMS plugin on Vault, from one declaration: the plugin, the EncryptionConfiguration, and what the
// distribution must tell its API server. Socket, names and paths are said once, so they cannot differ (R3, trap 13).
import { Construct } from 'constructs';
import type { EncryptionConfiguration } from '../../schema/encryption-configuration';
import { encryptionConfigurationOf } from '../../schema/encryption-phase';
import type { KmsPluginConfig, KmsPluginProps } from '../../schema/kms-plugin';
import { type ApiServerKmsStateProps, apiServerKmsState } from '../../vault/recipes/api-server-kms';
import type { VaultState } from '../../vault/state';
import { propError } from '../prop-error';
import type { OwnRulesProps } from '../rule-validation';
import type { ApiServerAccess } from './api-server-access';
import type { ApiServerEncryptionProps } from './api-server-encryption-props';
import { distributionPaths } from './distribution';
import { type DistributionSettings, distributionSettings } from './distribution-settings';
import { refuseForgottenKey, refuseLossyStep, refuseShortTimeout } from './encryption-refusals';
import { canReload, type KmsApiVersion, kmsFeatureGates, kubernetesMinor } from './kubernetes-version';
import { type NodeFile, NodeFiles, yamlFile } from './node-file';
import { validatePlugin } from './plugin-rules';
import { type KmsPluginPod, kmsPluginPod } from './static-pod';
import { refuseOldTalos, talosApiServerGroup } from './talos';

/** Everything that encrypts the etcd of a cluster, for each of its control-plane nodes. */
export class ApiServerEncryption extends Construct {
  /** What the API server encrypts and with what. */
  readonly configuration: EncryptionConfiguration;
  /** What the plugin runs with. */
  readonly pluginConfig: KmsPluginConfig;
  /** What the API server reads and reaches. */
  readonly access: ApiServerAccess;
  /** Files to be on each control-plane node before its API server starts, in this order. */
  readonly files: readonly NodeFile[];
  /** What is merged into the distribution's own settings. */
  readonly settings: DistributionSettings;
  readonly #secretIdTtlSeconds: number;

  constructor(scope: Construct, id: string, props: ApiServerEncryptionProps) {
    super(scope, id);
    const subject = this.node.path;
    const { distribution, name = 'kms-plugin' } = props;
    if (distribution === 'talos') refuseOldTalos(subject, props.talosVersion);
    refuseForgottenKey(subject, distribution, props.previous);
    const paths = distributionPaths[distribution];
    const endpoint = `unix://${paths.socket}/${name}.sock`;
    this.configuration = configurationOf(props, endpoint);
    refuseLossyStep(subject, props, this.configuration, props.inForce);
    const pod = pluginPodOf(subject, props, endpoint, this.configuration);
    this.pluginConfig = pod.plan.config;
    refuseShortTimeout(subject, this.configuration, this.pluginConfig);
    this.access = accessOf(subject, props, pod, this.configuration);
    const encryptionFile = yamlFile(this.access.encryptionConfigFile, this.configuration);
    const built = distributionSettings({
      subject,
      distribution,
      access: this.access,
      encryption: this.configuration,
      encryptionFile,
      pod,
    });
    this.files = built.files;
    this.settings = built.settings;
    this.#secretIdTtlSeconds = props.secretIdTtlSeconds ?? 0;
    const documents = [ownPart(this.configuration, endpoint), ...[this.settings.document].flat()];
    validatePlugin(this, {
      ...{ plugin: pod, documents, isPod: distribution !== 'k3s', rules: this.#rules(props) },
      ...(props.risks && { risks: props.risks }),
    });
    if (!props.delivery) return;
    if (this.files.length === 0) throw nothingToDeliver(subject);
    new NodeFiles(this, 'Files', { files: this.files, ...props.delivery });
  }

  /**
   * Vault's side of it: engine, key, policy, auth method and role, for the login methods approle and token. Throws a
   * SchemaError for any other, and for a secret id that ends, since that of the recipe never does.
   */
  vaultState(props: Omit<ApiServerKmsStateProps, 'kms'> = {}): VaultState {
    if (this.#secretIdTtlSeconds > 0) throw mortalSecretId(this.node.path, this.#secretIdTtlSeconds);
    return apiServerKmsState({ ...props, kms: this.pluginConfig });
  }

  /** In the first phase what wrote before still writes, also plain text (KW01). */
  #rules({ rules = {}, phase, kubernetesVersion }: ApiServerEncryptionProps): OwnRulesProps {
    const { method } = this.pluginConfig.auth;
    const hasRecipe = (method === 'approle' || method === 'token') && this.#secretIdTtlSeconds === 0;
    return {
      ...(hasRecipe && { vault: this.vaultState() }),
      ...rules,
      context: { clusterVersion: kubernetesVersion, ...rules.context },
      skip: [...(rules.skip ?? []), ...(phase === 'introduce' ? ['KW01'] : [])],
    };
  }
}

function configurationOf(props: ApiServerEncryptionProps, endpoint: string): EncryptionConfiguration {
  const { providerName = 'keyward', kmsVersion = 'v2', timeout = '3s', resources = ['secrets'] } = props;
  const { previous = [{ identity: {} }] } = props;
  const kms = { apiVersion: kmsVersion, name: providerName, endpoint, timeout };
  return encryptionConfigurationOf({ kms, previous, resources, step: props });
}

/** The plugin serves the versions that the configuration asks of its socket, and no other. */
function pluginPodOf(
  subject: string,
  props: ApiServerEncryptionProps,
  endpoint: string,
  configuration: EncryptionConfiguration,
): KmsPluginPod {
  const { vault, auth, transit, plugin, distribution } = props;
  const asked = kmsEntries(configuration).filter((entry) => entry.endpoint === endpoint);
  const serves = (version: KmsApiVersion) => asked.some(({ apiVersion }) => apiVersion === version);
  const config: KmsPluginProps = {
    ...plugin,
    vault,
    auth,
    ...(transit && { transit }),
    socket: { endpoint },
    api: { v1: serves('v1'), v2: serves('v2') },
  };
  const { name, image, implementation, memoryLimit, risks, secretIdTtlSeconds, secretIdIsRotated } = props;
  return kmsPluginPod(subject, {
    config,
    directory: distributionPaths[distribution].plugin,
    ...(distribution === 'talos' && { apiServerGroup: talosApiServerGroup }),
    ...(name !== undefined && { name }),
    ...(image !== undefined && { image }),
    ...(implementation && { implementation }),
    ...(memoryLimit && { memoryLimit }),
    ...(risks && { risks }),
    ...(secretIdTtlSeconds !== undefined && { secretIdTtlSeconds }),
    ...(secretIdIsRotated !== undefined && { secretIdIsRotated }),
  });
}

/** Without KMS providers of before: what serves and mounts their sockets is not declared here. */
function ownPart(configuration: EncryptionConfiguration, endpoint: string): EncryptionConfiguration {
  const isOwn = ({ kms }: { readonly kms?: { readonly endpoint: string } }) =>
    kms === undefined || kms.endpoint === endpoint;
  const resources = configuration.resources.map((entry) => ({ ...entry, providers: entry.providers.filter(isOwn) }));
  return { ...configuration, resources };
}

function accessOf(
  subject: string,
  props: ApiServerEncryptionProps,
  { plan }: KmsPluginPod,
  configuration: EncryptionConfiguration,
): ApiServerAccess {
  const minor = kubernetesMinor(subject, props.kubernetesVersion);
  const gates = kmsEntries(configuration).map(({ apiVersion }) => kmsFeatureGates(subject, apiVersion, minor));
  return {
    kubernetesMinor: minor,
    encryptionConfigFile: `${distributionPaths[props.distribution].encryption}/encryption-configuration.yaml`,
    socketDirectory: plan.socketDirectory,
    automaticReload: canReload(minor),
    featureGates: Object.assign({}, props.featureGates, ...gates),
  };
}

function kmsEntries({ resources }: EncryptionConfiguration) {
  return resources.flatMap(({ providers }) => providers.flatMap(({ kms }) => kms ?? []));
}

function mortalSecretId(subject: string, seconds: number): Error {
  return propError({
    prop: `${subject}.secretIdTtlSeconds`,
    got: String(seconds),
    allowed: '0',
    remedy: 'The role of this state gives secret ids that never end: write a state of your own for one that ends',
    rule: 'R3, trap 11',
  });
}

function nothingToDeliver(subject: string): Error {
  return propError({
    prop: `${subject}.delivery`,
    got: 'an object for files that there are none of',
    allowed: 'no delivery for Talos',
    remedy: 'Its machine configuration holds everything: take settings.text',
  });
}
