// Who carries out a schedule of rotation: CSI-Addons through its sidecar, or keyward's driver itself; and what each needs.
import { kmsSecretSources } from '../schema/kms';
import type { Cluster } from './read/cluster';
import type { KubernetesObject } from './read/kubernetes-object';
import type { ClassView } from './read/storage-class';
import { at, pathOf, textOf } from './read/values';
import { isBelowVersion } from './read/version';
import { type Container, flagOf, mountsConfigMap, type Workload } from './read/workloads';
import type { Fault } from './rule';

/** The first of ceph-csi that can have it: up to 3.11 there is no rotation at all. */
const firstCephCsi = '3.12';

/** Faults of a schedule that nobody carries out, or that its carrier cannot. Only of drivers that are in the set. */
export function* carrierFaults(
  view: ClassView,
  object: KubernetesObject,
  path: string,
  cluster: Cluster,
): Generator<Fault> {
  const pods = podsOf(view, cluster);
  if (pods.length === 0) return;
  const old = view.driver === 'keyward' ? undefined : versionTooOld(pods);
  const rotating = pods.flatMap(({ containers }) => containers.filter((each) => flagOf(each, 'rotation') === 'true'));
  const hasAddons = pods.some(({ containers }) => containers.some((each) => flagOf(each, 'csi-addons-address')));
  if (old !== undefined) {
    const message = 'schedules a rotation, which this ceph-csi does not have';
    yield { object, path, message, got: old, allowed: `ceph-csi ${firstCephCsi}`, remedy: 'Upgrade ceph-csi first' };
  } else if (!hasAddons && rotating.length === 0) {
    yield {
      object,
      path,
      message: `schedules a rotation that nobody carries out: ${pods[0]?.object.label} has no sidecar of CSI-Addons`,
      remedy:
        view.driver === 'keyward'
          ? 'Set csiAddons: true or rotation: {} at the driver'
          : 'Add the sidecar of CSI-Addons to the pods of the driver',
    };
  }
  for (const container of rotating) yield* secretFaults(view, object, path, container, cluster);
  if (hasAddons) yield* precedenceFaults(rotating, cluster);
}

/** The pods that open the volumes of a class. */
function podsOf({ driver, provisioner }: ClassView, cluster: Cluster): readonly Workload[] {
  const configs = cluster.driverConfigs().filter(({ config }) => config.driverName === provisioner);
  return cluster.workloads().filter((workload) => {
    if (driver === 'keyward') {
      const isOurs = configs.some(({ object }) => mountsConfigMap(workload, object.name));
      const opensVolumes = ({ words }: Container) =>
        words.includes('csi') && (words.includes('--node') || !words.includes('--controller'));
      return isOurs && workload.containers.some(opensVolumes);
    }
    return workload.containers.some(
      (each) =>
        flagOf(each, 'type') === 'rbd' &&
        flagOf(each, 'nodeserver') === 'true' &&
        [undefined, provisioner].includes(flagOf(each, 'drivername')),
    );
  });
}

function versionTooOld(pods: readonly Workload[]): string | undefined {
  const tags = pods.flatMap(({ containers }) =>
    containers.map(({ image }) => /\/cephcsi:(v?\d+\.\d+[^@]*)/.exec(image)?.[1]),
  );
  return tags.find((tag) => tag !== undefined && isBelowVersion(tag, firstCephCsi));
}

/** Nobody's request brings Secrets to a rotation that the driver begins. */
function* secretFaults(
  { kmsId = '', isRbd, parameters, provisioner }: ClassView,
  object: KubernetesObject,
  path: string,
  container: Container,
  cluster: Cluster,
): Generator<Fault> {
  if (flagOf(container, 'admin-secret') !== undefined) return;
  const [section] = cluster.sectionsOf(kmsId);
  const source = section?.settings && kmsSecretSources(section.settings).find((each) => each.from === 'request');
  const clusterId = textOf(at(parameters, 'clusterID'));
  const backends = cluster
    .driverConfigs()
    .flatMap(({ config }) => (config.driverName === provisioner ? [config.backend] : []));
  const hasUser = backends.some(
    (backend) => backend.type === 'rbd' && backend.credentials?.some((each) => each.clusterId === clusterId),
  );
  const missing = [...(isRbd && !hasUser ? ['userID', 'userKey'] : []), ...(source ? [source.key] : [])];
  if (missing.length === 0) return;
  yield {
    object,
    path,
    message: `is carried out by the driver itself, which has no Secret with ${missing.join(', ')}`,
    remedy: 'Set adminSecret at the driver (--admin-secret), or for a Ceph user backend.credentials',
  };
}

/** Two carriers that do not agree whose schedule counts. */
function* precedenceFaults(rotating: readonly Container[], { objects }: Cluster): Generator<Fault> {
  for (const object of objects.named('ConfigMap', 'csi-addons-config')) {
    const written = textOf(at(object.fields, 'data', 'schedule-precedence')) || 'pvc';
    const theirs = written === 'sc-only' ? 'storageclass' : written;
    const other = rotating.map((each) => flagOf(each, 'rotation-precedence') ?? 'pvc').find((ours) => ours !== theirs);
    if (other === undefined) continue;
    yield {
      object,
      path: pathOf('data', 'schedule-precedence'),
      message: 'differs from that of the driver, which rotates too: a claim would follow another schedule by each',
      got: theirs,
      allowed: other,
      remedy: 'Give both the same, or leave the rotation to one of them',
      severity: 'warning',
    };
  }
}
