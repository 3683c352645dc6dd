// The order in which a component's objects are made, and on `pulumi destroy` the reverse.
import type { CustomResourceOptions } from '@pulumi/pulumi';
import { mergeOptions } from '@pulumi/pulumi';
import { KubernetesObject } from './kubernetes-object';
import type { Manifest } from './manifests';
import type { Owner } from './owner';

/** Each stage waits for those before it; `others` waits only for namespaces. */
const stages = ['namespaces', 'others', 'bindings', 'workloads'] as const;
type Stage = (typeof stages)[number];

const stageOfKind: Readonly<Record<string, Stage>> = {
  Namespace: 'namespaces',
  ClusterRoleBinding: 'bindings',
  RoleBinding: 'bindings',
  DaemonSet: 'workloads',
  Deployment: 'workloads',
};

/** Kinds that no pod needs in order to start. A class that cannot be replaced must not hold up the driver. */
const classKinds: readonly string[] = ['StorageClass', 'VolumeSnapshotClass'];

/** Registers each manifest once, as a child of the component. */
export function registerManifests(owner: Owner, manifests: readonly Manifest[]): readonly KubernetesObject[] {
  const registered: KubernetesObject[] = [];
  for (const stage of stages) {
    const earlier = [...registered];
    for (const manifest of manifests.filter(({ kind }) => stageOf(kind) === stage)) {
      const dependsOn = earlier.filter((object) => isPrerequisite(object.manifest, manifest));
      const options: CustomResourceOptions = { parent: owner.resource, dependsOn };
      const inherited = owner.dependsOn === undefined ? {} : { dependsOn: owner.dependsOn };
      registered.push(
        new KubernetesObject(childName(owner.name, manifest), manifest, mergeOptions(options, inherited)),
      );
    }
  }
  return registered;
}

/** The name is part of the URN: as long as kind, namespace and name stay, Pulumi sees the same resource. */
function childName(owner: string, { kind, metadata: { namespace, name } }: Manifest): string {
  return [owner, kind, ...(namespace === undefined ? [] : [namespace]), name].join('/');
}

function stageOf(kind: string): Stage {
  return stageOfKind[kind] ?? 'others';
}

function isPrerequisite(earlier: Manifest, later: Manifest): boolean {
  if (earlier.kind === 'Namespace') return earlier.metadata.name === later.metadata.namespace;
  switch (stageOf(later.kind)) {
    case 'workloads':
      return !classKinds.includes(earlier.kind);
    case 'bindings':
      return isRoleOf(earlier, later);
    default:
      return false;
  }
}

/** Only a cluster administrator may bind a role that is not there yet. */
function isRoleOf({ kind, metadata }: Manifest, { roleRef }: Manifest): boolean {
  const { kind: roleKind, name } = roleRef as { readonly kind: string; readonly name: string };
  return kind === roleKind && metadata.name === name;
}
