// The one place where the parts are put together for a distribution.
import { Yaml } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import type { EncryptionConfiguration } from '../../schema/encryption-configuration';
import { propError } from '../prop-error';
import type { ApiServerAccess } from './api-server-access';
import { type Distribution, distributionPaths } from './distribution';
import { type K3sConfig, k3sConfig, k3sService } from './k3s';
import { type KubeadmClusterConfiguration, kubeadmConfiguration } from './kubeadm';
import { type NodeFile, yamlFile } from './node-file';
import { type Rke2Config, rke2Config } from './rke2';
import type { KmsPluginPod } from './static-pod';
import { type TalosPatch, talosPatch } from './talos';

/** What is merged into the distribution's own settings, as data and as text. */
export type DistributionSettings = {
  /** File of the settings; a mere name where the distribution has no fixed place for it. */
  readonly path: string;
  readonly text: string;
} & (
  | { readonly distribution: 'kubeadm'; readonly document: KubeadmClusterConfiguration }
  | { readonly distribution: 'rke2'; readonly document: Rke2Config }
  | { readonly distribution: 'k3s'; readonly document: K3sConfig }
  | { readonly distribution: 'talos'; readonly document: TalosPatch }
);

/** What the settings are made of. */
export interface DistributionParts {
  /** The construct, to name it in an error. */
  readonly subject: string;
  readonly distribution: Distribution;
  readonly access: ApiServerAccess;
  readonly encryption: EncryptionConfiguration;
  readonly encryptionFile: NodeFile;
  readonly pod: KmsPluginPod;
}

/** Files in the order in which they are needed, and the settings. */
export function distributionSettings(parts: DistributionParts): {
  readonly files: readonly NodeFile[];
  readonly settings: DistributionSettings;
} {
  const { distribution, access, encryption, encryptionFile, pod } = parts;
  const { settings: path } = distributionPaths[distribution];
  switch (distribution) {
    case 'kubeadm': {
      const document = kubeadmConfiguration(access);
      const settings = { distribution, path, document, text: Yaml.stringify(document) };
      return { files: [...pod.files, encryptionFile, manifestOf(parts)], settings };
    }
    case 'rke2': {
      const document = rke2Config(access);
      const settings = { distribution, path, document, text: Yaml.stringify(document) };
      return { files: [...pod.files, encryptionFile, manifestOf(parts)], settings };
    }
    case 'k3s': {
      const document = k3sConfig(access);
      const settings = { distribution, path, document, text: Yaml.stringify(document) };
      return { files: [...pod.files, encryptionFile, serviceOf(parts)], settings };
    }
    case 'talos': {
      const document = talosPatch({ access, encryption, pod: pod.pod, files: pod.files });
      const settings = { distribution, path, document, text: Yaml.stringify(...document) };
      return { files: [], settings };
    }
  }
}

/** The static Pod as the kubelet reads it. */
function manifestOf({ distribution, pod }: DistributionParts): NodeFile {
  const { manifests } = distributionPaths[distribution];
  return yamlFile(`${manifests}/${pod.plan.name}.yaml`, k8s.KubePod.manifest(pod.pod));
}

function serviceOf({ subject, pod: { plan, files } }: DistributionParts): NodeFile {
  if (files.length > 0) {
    const { name, configFile, socketDirectory } = plan;
    return k3sService({ name, configFile: configFile.path, socketDirectory });
  }
  throw propError({
    prop: `${subject}.implementation`,
    got: '"vault-kubernetes-kms"',
    allowed: 'keyward',
    remedy: 'k3s starts static Pods after its API server, and only keyward comes as a service of the system',
    rule: 'trap 13',
  });
}
