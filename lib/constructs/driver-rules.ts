// What each sidecar may do, from its own documentation. The driver's container holds no API token and needs no rule.
import type { k8s } from 'cdk8s-plus-27';

const events = rule('', ['events'], ['list', 'watch', 'create', 'update', 'patch']);

/** Cluster-wide rules of csi-provisioner with topology and clones. */
const provisioner = [
  rule('', ['persistentvolumes'], ['get', 'list', 'watch', 'create', 'patch', 'delete']),
  rule('', ['persistentvolumeclaims'], ['get', 'list', 'watch', 'update']),
  rule('', ['nodes'], ['get', 'list', 'watch']),
  rule('storage.k8s.io', ['storageclasses', 'csinodes', 'volumeattachments'], ['get', 'list', 'watch']),
];

/** Cluster-wide rules of csi-resizer. */
const resizer = [
  rule('', ['persistentvolumeclaims/status'], ['patch']),
  rule('', ['pods'], ['get', 'list', 'watch']),
  rule('storage.k8s.io', ['volumeattributesclasses'], ['get', 'list', 'watch']),
];

/** Cluster-wide rules of csi-snapshotter, and those by which csi-provisioner restores a snapshot. */
const snapshotter = [
  rule('snapshot.storage.k8s.io', ['volumesnapshots'], ['get', 'list', 'watch', 'update']),
  rule('snapshot.storage.k8s.io', ['volumesnapshotclasses'], ['get', 'list', 'watch']),
  rule('snapshot.storage.k8s.io', ['volumesnapshotcontents'], ['get', 'list', 'watch', 'update', 'patch']),
  rule('snapshot.storage.k8s.io', ['volumesnapshotcontents/status'], ['update', 'patch']),
];

/** The rules of the sidecars in one pod, cluster-wide. */
export function clusterRules(snapshots: boolean): k8s.PolicyRule[] {
  return [events, ...provisioner, ...resizer, ...(snapshots ? snapshotter : [])];
}

/** The rules inside the driver's own namespace: leases of csi-resizer, capacity objects and their owner. */
export const namespaceRules: readonly k8s.PolicyRule[] = [
  rule('coordination.k8s.io', ['leases'], ['get', 'watch', 'list', 'delete', 'update', 'create']),
  rule('storage.k8s.io', ['csistoragecapacities'], ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']),
  rule('', ['pods'], ['get']),
];

/** Leave to read single Secrets, or all of a scope when the names are known only per claim. */
export function secretRule(names?: readonly string[]): k8s.PolicyRule {
  return { ...rule('', ['secrets'], ['get']), ...(names && { resourceNames: [...names] }) };
}

function rule(apiGroup: string, resources: string[], verbs: string[]): k8s.PolicyRule {
  return { apiGroups: [apiGroup], resources, verbs };
}
