// The part of trap 9 about rotation: a class, a claim or a job that rotates keys where its driver cannot.
import { maximumKeyAgeAnnotation } from '../schema/names';
import { csiAddonsAnnotations } from '../schema/rotation-annotations';
import { longestPauseDays } from '../schema/rotation-schedule';
import { carrierFaults } from './kw09-rotation-carrier';
import type { Cluster } from './read/cluster';
import { annotationOf, type KubernetesObject } from './read/kubernetes-object';
import { type ClassView, isCephCsi } from './read/storage-class';
import { at, pathOf, textOf } from './read/values';
import type { Fault } from './rule';

const schedulePath = pathOf('metadata', 'annotations', csiAddonsAnnotations.schedule);

/** What is wrong with the schedules of the set: of classes, of claims, and of jobs. */
export function* rotationFaults(cluster: Cluster): Generator<Fault> {
  const classes = cluster.classes().filter(({ driver }) => driver !== 'other');
  for (const view of classes) {
    if (!isScheduled(view.object)) continue;
    yield* scheduleFaults(view, view.object, schedulePath, cluster);
    yield* ageFaults(view);
  }
  const byName = new Map(classes.map((view) => [view.object.name, view]));
  const classOf = (claim: KubernetesObject | undefined) =>
    byName.get(textOf(at(claim?.fields, 'spec', 'storageClassName')) ?? '');
  for (const claim of cluster.objects.of('PersistentVolumeClaim')) {
    const view = classOf(claim);
    if (view !== undefined && isScheduled(claim)) yield* scheduleFaults(view, claim, schedulePath, cluster);
  }
  for (const object of cluster.objects.of('EncryptionKeyRotationCronJob', 'EncryptionKeyRotationJob')) {
    const spec = object.kind === 'EncryptionKeyRotationJob' ? ['spec'] : ['spec', 'jobTemplate', 'spec'];
    const name = textOf(at(object.fields, ...spec, 'target', 'persistentVolumeClaim')) ?? '';
    const view = classOf(cluster.objects.find('PersistentVolumeClaim', name, object.namespace));
    if (view === undefined) continue;
    yield* impossible(view, object, pathOf(...spec, 'target', 'persistentVolumeClaim'), cluster);
  }
}

function isScheduled(object: KubernetesObject): boolean {
  return (
    annotationOf(object, csiAddonsAnnotations.schedule) !== undefined &&
    annotationOf(object, csiAddonsAnnotations.enable) !== 'false'
  );
}

function* scheduleFaults(view: ClassView, object: KubernetesObject, path: string, cluster: Cluster): Generator<Fault> {
  const faults = [...impossible(view, object, path, cluster)];
  yield* faults;
  if (faults.length === 0) yield* carrierFaults(view, object, path, cluster);
}

/** What no driver of this kind can rotate, whoever asks. */
function* impossible(view: ClassView, object: KubernetesObject, path: string, cluster: Cluster): Generator<Fault> {
  // keyward encrypts always, and not files.
  if (!isCephCsi(view)) return;
  const isFile = at(view.parameters, 'encryptionType') === 'file' || view.driver === 'ceph-csi-cephfs';
  if (!view.isEncrypted) {
    const remedy = 'Remove it, or turn on encryption';
    yield { object, path, message: 'rotates keys of a class without encryption', remedy };
  } else if (isFile) {
    yield { object, path, message: 'rotates keys of file encryption, which ceph-csi cannot', remedy: 'Remove it' };
  } else if (view.kmsId === 'default') {
    yield {
      object,
      path,
      message: 'rotates keys on the KMS default: the new key is kept nowhere, and the volume does not open again',
      remedy: 'Remove it, and move the volumes to a KMS of their own keys first',
    };
  } else if (cluster.sectionsOf(view.kmsId ?? '').some(({ type }) => type === 'ibmkeyprotect')) {
    yield {
      object,
      path,
      message:
        'rotates keys on ibmkeyprotect, which ceph-csi can only give passphrases without "-" and "_": most are refused',
      got: 'ibmkeyprotect',
      allowed: 'a KMS of another type, or the driver of keyward',
      severity: 'warning',
    };
  }
}

/** A key that grows older than the class allows while everything works. */
function* ageFaults({ object }: ClassView): Generator<Fault> {
  const maximum = Number(annotationOf(object, maximumKeyAgeAnnotation) ?? Number.NaN);
  const schedule = annotationOf(object, csiAddonsAnnotations.schedule) ?? '';
  const pause = longestPauseDays(schedule);
  if (Number.isNaN(maximum) || pause === undefined || pause <= maximum) return;
  yield {
    object,
    path: pathOf('metadata', 'annotations', maximumKeyAgeAnnotation),
    message: `allows keys of ${maximum} days, and the schedule of the class pauses for longer`,
    got: schedule,
    allowed: `at least ${Math.ceil(pause)}`,
    remedy: 'Rotate more often, or allow an older key',
  };
}
