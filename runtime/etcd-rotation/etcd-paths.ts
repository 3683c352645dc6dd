/** Where the API server keeps the objects of a resource in etcd, below its `--etcd-prefix`. */

export interface GroupResource {
  /** Plural: `secrets`. */
  readonly resource: string;
  /** Empty for the core group. */
  readonly group: string;
}

/** As metrics and EncryptionConfiguration write it: `secrets`, `deployments.apps`. */
export function parseGroupResource(text: string): GroupResource {
  const [resource = '', ...group] = text.split('.');
  return { resource, group: group.join('.') };
}

/** Ends with a slash; then follow namespace, where there is one, and name. */
export function etcdFolder({ resource, group }: GroupResource): string {
  if (!builtInGroups.has(group)) return `${group}/${resource}/`;
  return `${group === '' ? (renamed[resource] ?? resource) : (renamedInGroups[`${resource}.${group}`] ?? resource)}/`;
}

/** Groups whose objects lie side by side with the core's. All others, custom resources among them, have a folder each. */
const builtInGroups: ReadonlySet<string> = new Set([
  '',
  'admissionregistration.k8s.io',
  'apps',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'events.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'networking.k8s.io',
  'node.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'resource.k8s.io',
  'scheduling.k8s.io',
  'storage.k8s.io',
]);

const renamed: Readonly<Record<string, string>> = {
  endpoints: 'services/endpoints',
  nodes: 'minions',
  replicationcontrollers: 'controllers',
  services: 'services/specs',
};

const renamedInGroups: Readonly<Record<string, string>> = {
  'ingresses.networking.k8s.io': 'ingress',
};
