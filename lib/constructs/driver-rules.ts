// What each sidecar may do, from its own documentation, and what the rotation inside the driver needs. Without rotation the
// driver's container holds no API token.
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

/** Cluster-wide rules of csi-attacher beyond those of csi-provisioner. */
const attacher = [
  rule('storage.k8s.io', ['volumeattachments'], ['patch']),
  rule('storage.k8s.io', ['volumeattachments/status'], ['patch']),
];

/** Cluster-wide rules of the sidecar of CSI-Addons: the volume that a call names, and whether the caller is somebody. */
const csiAddons = [
  rule('', ['persistentvolumes'], ['get']),
  rule('authentication.k8s.io', ['tokenreviews'], ['create']),
];

/** It keeps an object for its pod, which belongs to the pod's owner. */
const csiAddonsNodes = [
  rule('csiaddons.openshift.io', ['csiaddonsnodes'], ['get', 'list', 'watch', 'create', 'update', 'delete']),
  rule('', ['pods'], ['get']),
  rule('apps', ['replicasets'], ['get']),
  rule('apps', ['daemonsets/finalizers', 'deployments/finalizers'], ['update']),
];

const capacityObjects = [
  rule('storage.k8s.io', ['csistoragecapacities'], ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']),
  rule('', ['pods'], ['get']),
];

/** Cluster-wide rules of the rotation: claims with their schedules, and what became of them. */
const rotation = [
  rule('', ['persistentvolumes', 'persistentvolumeclaims'], ['get', 'list']),
  rule('', ['persistentvolumeclaims/status'], ['patch']),
  rule('', ['namespaces'], ['get']),
  rule('', ['events'], ['create']),
  rule('storage.k8s.io', ['storageclasses'], ['get']),
  // A claim that CSI-Addons rotates is left to it.
  rule('csiaddons.openshift.io', ['encryptionkeyrotationcronjobs'], ['get']),
];

/** Which parts need the API. */
export interface ApiUsers {
  /** Whether csi-snapshotter runs. */
  readonly snapshots: boolean;
  /** Whether csi-attacher runs. */
  readonly attachRequired: boolean;
  /** Whether free space is told for each node. */
  readonly capacity: boolean;
  /** Whether the sidecar of CSI-Addons runs. */
  readonly csiAddons: boolean;
  /** Whether the driver rotates keys on schedules itself. */
  readonly rotation: boolean;
}

/** The rules for the whole cluster. */
export function clusterRules({
  snapshots,
  attachRequired,
  csiAddons: addons,
  rotation: rotates,
}: ApiUsers): k8s.PolicyRule[] {
  return [
    events,
    ...provisioner,
    ...resizer,
    ...(snapshots ? snapshotter : []),
    ...(attachRequired ? attacher : []),
    ...(addons ? csiAddons : []),
    ...(rotates ? rotation : []),
  ];
}

/** The rules inside the driver's own namespace: leases of whoever is elected, capacity objects and their owner. */
export function namespaceRules({ capacity, csiAddons: addons, rotation: rotates }: ApiUsers): k8s.PolicyRule[] {
  return [
    rule('coordination.k8s.io', ['leases'], ['get', 'watch', 'list', 'delete', 'update', 'create']),
    ...(capacity ? capacityObjects : []),
    ...(addons ? csiAddonsNodes : []),
    ...(rotates ? [rule('coordination.k8s.io', ['leases'], ['get', 'create', 'patch'])] : []),
  ];
}

/** Leave to read single Secrets, or all of a scope when the names are known only per claim. */
export function secretRule(names?: readonly string[]): k8s.PolicyRule {
  return { ...rule('', ['secrets'], ['get']), ...(names && { resourceNames: [...names] }) };
}

function rule(apiGroup: string, resources: string[], verbs: string[]): k8s.PolicyRule {
  return { apiGroups: [apiGroup], resources, verbs };
}
