// The part of trap 9 about rotation: a class or a job that rotates keys where ceph-csi cannot.
import type { Cluster } from './read/cluster';
import { annotationOf } from './read/kubernetes-object';
import { type ClassView, isCephCsi } from './read/storage-class';
import { at, pathOf, textOf } from './read/values';
import type { Fault } from './rule';

const scheduleAnnotation = 'keyrotation.csiaddons.openshift.io/schedule';

/** A class whose annotation schedules what its driver cannot do. */
export function* rotationFaults(view: ClassView): Generator<Fault> {
  const { object, parameters, isEncrypted, kmsId } = view;
  if (annotationOf(object, scheduleAnnotation) === undefined || !isCephCsi(view)) return;
  if (annotationOf(object, 'keyrotation.csiaddons.openshift.io/enable') === 'false') return;
  const fault = rotationFault({
    isEncrypted,
    kmsId,
    isFile: at(parameters, 'encryptionType') === 'file' || view.driver === 'ceph-csi-cephfs',
  });
  if (fault !== undefined) yield { object, path: pathOf('metadata', 'annotations', scheduleAnnotation), ...fault };
}

function rotationFault(view: {
  isEncrypted: boolean;
  kmsId: string | undefined;
  isFile: boolean;
}): Pick<Fault, 'message' | 'remedy'> | undefined {
  if (!view.isEncrypted)
    return { message: 'rotates keys of a class without encryption', remedy: 'Remove it, or turn on encryption' };
  if (view.isFile) return { message: 'rotates keys of file encryption, which ceph-csi cannot', remedy: 'Remove it' };
  if (view.kmsId !== 'default') return undefined;
  return {
    message: 'rotates keys on the KMS default: the new key is kept nowhere, and the volume does not open again',
    remedy: 'Remove it, and move the volumes to a KMS of their own keys first',
  };
}

/** A rotation that is scheduled for one claim of the set. */
export function* jobFaults(cluster: Cluster): Generator<Fault> {
  const jobs = cluster.objects.of('EncryptionKeyRotationCronJob', 'EncryptionKeyRotationJob');
  if (jobs.length === 0) return;
  const classes = new Map(cluster.classes().map((view) => [view.object.name, view]));
  for (const object of jobs) {
    const path = object.kind === 'EncryptionKeyRotationJob' ? ['spec'] : ['spec', 'jobTemplate', 'spec'];
    const claim = textOf(at(object.fields, ...path, 'target', 'persistentVolumeClaim')) ?? '';
    const held = cluster.objects.find('PersistentVolumeClaim', claim, object.namespace);
    const view = classes.get(textOf(at(held?.fields, 'spec', 'storageClassName')) ?? '');
    if (view === undefined || !isCephCsi(view)) continue;
    const isFile = at(view.parameters, 'encryptionType') === 'file' || view.driver === 'ceph-csi-cephfs';
    const fault = rotationFault({ isEncrypted: view.isEncrypted, kmsId: view.kmsId, isFile });
    if (fault !== undefined) yield { object, path: pathOf(...path, 'target', 'persistentVolumeClaim'), ...fault };
  }
}
