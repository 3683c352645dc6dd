// One object of a cluster as one Pulumi resource of the Kubernetes provider.
import { getVersion } from '@pulumi/kubernetes/utilities';
import { CustomResource, type CustomResourceOptions, type Inputs, type Output, secret } from '@pulumi/pulumi';
import type { Manifest } from './manifests';

/** Fields that the API server never changes in place: a change replaces the object. */
const immutableFields: Readonly<Record<string, readonly string[]>> = {
  'apps/v1:DaemonSet': ['spec.selector'],
  'apps/v1:Deployment': ['spec.selector'],
  'rbac.authorization.k8s.io/v1:ClusterRoleBinding': ['roleRef'],
  'rbac.authorization.k8s.io/v1:RoleBinding': ['roleRef'],
  'storage.k8s.io/v1:CSIDriver': ['spec.attachRequired', 'spec.volumeLifecycleModes'],
  'storage.k8s.io/v1:StorageClass': ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'],
};

/**
 * A Kubernetes object, its manifest passed through word for word.
 *
 * Not `yaml.v2.ConfigGroup`: that component is made inside the provider's plugin, so a preview needs the plugin and a
 * cluster, mocks never see its objects, and no single object can be given its order or its immutable fields.
 * Not `apiextensions.CustomResource`: it writes `kubernetes:v1:ConfigMap`, and the provider wants a group (`core/v1`).
 * The type tokens are those of the typed classes, so an object can move between them and this one.
 */
export class KubernetesObject extends CustomResource {
  /** What was declared. */
  readonly manifest: Manifest;
  /** Metadata as the cluster has it: known once the object is there. */
  declare readonly metadata: Output<Manifest['metadata']>;

  constructor(name: string, manifest: Manifest, options: CustomResourceOptions) {
    const own = { ...replacement(manifest), ...secrecy(manifest), version: getVersion() };
    super(typeToken(manifest), name, concealed(manifest), { ...own, ...options });
    this.manifest = manifest;
  }
}

function typeToken({ apiVersion, kind }: Manifest): string {
  return `kubernetes:${apiVersion.includes('/') ? apiVersion : `core/${apiVersion}`}:${kind}`;
}

/** Names are fixed, so of two generations only one can exist: the old one goes first. */
function replacement({ apiVersion, kind }: Manifest): CustomResourceOptions {
  const fields = immutableFields[`${apiVersion}:${kind}`];
  return { deleteBeforeReplace: true, ...(fields && { replaceOnChanges: [...fields] }) };
}

/** What a Secret holds, however it got there. */
const secretFields = ['data', 'stringData'] as const;

function isSecret({ apiVersion, kind }: Manifest): boolean {
  return apiVersion === 'v1' && kind === 'Secret';
}

function secrecy(manifest: Manifest): CustomResourceOptions {
  return isSecret(manifest) ? { additionalSecretOutputs: [...secretFields] } : {};
}

function concealed(manifest: Manifest): Inputs {
  if (!isSecret(manifest)) return { ...manifest };
  const held = secretFields.filter((field) => manifest[field] !== undefined);
  return { ...manifest, ...Object.fromEntries(held.map((field) => [field, secret(manifest[field])])) };
}
