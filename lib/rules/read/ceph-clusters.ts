// Lists of Ceph clusters in ceph-csi's form that stand in the set, and which of them a driver reads.
import { decodeCephClusters } from '../../schema/ceph-clusters';
import { configFileName, mountPaths } from '../../schema/names';
import { SchemaError, type SchemaIssue } from '../../schema/schema-error';
import type { Cluster } from './cluster';
import type { KubernetesObject } from './kubernetes-object';
import type { ClassView } from './storage-class';
import { at, listOf, pathOf, textOf } from './values';
import { mountsConfigMap, volumeAt, type Workload } from './workloads';

/** The ConfigMap of ceph-csi's own manifests. */
const cephCsiClusters = 'ceph-csi-config';

/** A list of clusters. */
export interface ClusterList {
  readonly object: KubernetesObject;
  /** Where in the ConfigMap. */
  readonly path: string;
  /** Undefined when the driver could not read it. */
  readonly ids: readonly string[] | undefined;
  readonly issues: readonly SchemaIssue[];
}

/** The lists that the driver of a class reads, of those that are in the set. Another may keep them, so there may be none. */
export function clusterListsOf(view: ClassView, cluster: Cluster): readonly ClusterList[] {
  if (view.provisioner === 'rbd.csi.ceph.com')
    return cluster.objects.named('ConfigMap', cephCsiClusters).flatMap((object) => listAt(object, configFileName));
  if (view.driver !== 'keyward') return [];
  const configs = cluster.driverConfigs().filter(({ config }) => config.driverName === view.provisioner);
  const lists = cluster
    .workloads()
    .filter((workload) => configs.some(({ object }) => mountsConfigMap(workload, object.name)))
    .flatMap((workload) => mountedLists(workload, cluster));
  return [...new Map(lists.map((list) => [`${list.object.label} ${list.path}`, list])).values()];
}

function mountedLists(workload: Workload, { objects }: Cluster): readonly ClusterList[] {
  return workload.containers.flatMap((container) => {
    const volume = volumeAt(workload, container, `${mountPaths.cephClusters}/${configFileName}`);
    const name = textOf(at(volume, 'configMap', 'name'));
    const item = listOf(at(volume, 'configMap', 'items')).find((each) => at(each, 'path') === configFileName);
    const object = name === undefined ? undefined : objects.find('ConfigMap', name, workload.object.namespace);
    return object === undefined ? [] : listAt(object, textOf(at(item, 'key')) ?? configFileName);
  });
}

function listAt(object: KubernetesObject, key: string): readonly ClusterList[] {
  const text = textOf(at(object.fields, 'data', key));
  if (text === undefined) return [];
  const path = pathOf('data', key);
  try {
    return [{ object, path, ids: decodeCephClusters(text).map(({ clusterID }) => clusterID), issues: [] }];
  } catch (error) {
    if (error instanceof SchemaError) return [{ object, path, ids: undefined, issues: error.issues }];
    throw error;
  }
}
