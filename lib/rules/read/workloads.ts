// What runs: pods, and the templates of pods in controllers.
import type { KubernetesObject } from './kubernetes-object';
import type { ObjectSet } from './object-set';
import { at, type Fields, fieldsOf, listOf, pathOf, textOf, wordOf, wordsOf } from './values';

/** One container of a workload. */
export interface Container {
  readonly fields: Fields;
  readonly name: string;
  readonly image: string;
  /** Path inside the object, for people. */
  readonly path: string;
  /** Command and arguments, in order. */
  readonly words: readonly string[];
  readonly environment: readonly EnvironmentEntry[];
  readonly mounts: readonly Fields[];
}

/** A variable with a value that stands in the manifest. */
export interface EnvironmentEntry {
  readonly name: string;
  readonly value: string | undefined;
  readonly path: string;
}

/** A pod, or what makes pods. */
export interface Workload {
  readonly object: KubernetesObject;
  readonly pod: Fields;
  readonly path: string;
  readonly containers: readonly Container[];
  readonly volumes: readonly Fields[];
  /** `default` when the manifest names none. */
  readonly serviceAccount: string;
}

const templates: Readonly<Record<string, readonly string[]>> = {
  Pod: ['spec'],
  DaemonSet: ['spec', 'template', 'spec'],
  Deployment: ['spec', 'template', 'spec'],
  ReplicaSet: ['spec', 'template', 'spec'],
  StatefulSet: ['spec', 'template', 'spec'],
  Job: ['spec', 'template', 'spec'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
};

/** The workloads of a set. */
export function workloadsOf(objects: ObjectSet): readonly Workload[] {
  return objects.of(...Object.keys(templates)).map((object) => {
    const path = templates[object.kind] ?? [];
    const pod = fieldsOf(at(object.fields, ...path));
    return {
      object,
      pod,
      path: pathOf(...path),
      containers: ['initContainers', 'containers'].flatMap((list) =>
        listOf(at(pod, list)).map((container, index) => containerOf(container, pathOf(...path, list, index))),
      ),
      volumes: listOf(at(pod, 'volumes')).map(fieldsOf),
      serviceAccount: textOf(at(pod, 'serviceAccountName') ?? at(pod, 'serviceAccount')) || 'default',
    };
  });
}

/** The value of a flag, in the style of Go or GNU: `--name=value`, `-name value`; a bare flag is `true`. */
export function flagOf({ words }: Container, ...names: readonly string[]): string | undefined {
  for (const [index, word] of words.entries()) {
    const [, name = '', value] = /^--?([\w-]+)(?:=([\s\S]*))?$/.exec(word) ?? [];
    if (!names.includes(name)) continue;
    if (value !== undefined) return value;
    const next = words[index + 1];
    return next === undefined || next.startsWith('-') ? 'true' : next;
  }
  return undefined;
}

/** The value of the first variable that is set in the manifest. */
export function variableOf({ environment }: Container, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = environment.find((entry) => entry.name === name)?.value;
    if (value !== undefined) return value;
  }
  return undefined;
}

/** Whether the pod mounts a ConfigMap, directly or in a projected volume. */
export function mountsConfigMap({ volumes }: Workload, name: string): boolean {
  return volumes.some((volume) => {
    const sources = [volume, ...listOf(at(volume, 'projected', 'sources'))];
    return sources.some((source) => at(source, 'configMap', 'name') === name);
  });
}

/** The volume that a container sees at a path, and the rest of the path inside it. */
export function volumeAt(workload: Workload, container: Container, path: string): Fields | undefined {
  const mount = container.mounts
    .map((each) => ({ at: textOf(at(each, 'mountPath')) ?? '', name: textOf(at(each, 'name')) ?? '' }))
    .filter(({ at: place }) => isBelow(path, place))
    .sort((left, right) => right.at.length - left.at.length)[0];
  return mount && workload.volumes.find((volume) => at(volume, 'name') === mount.name);
}

/** Whether a path is a folder, or in it. */
export function isBelow(path: string, folder: string): boolean {
  const top = folder.replace(/\/+$/, '');
  return folder !== '' && (path === top || path.startsWith(`${top}/`));
}

function containerOf(value: unknown, path: string): Container {
  const fields = fieldsOf(value);
  const environment = listOf(at(fields, 'env')).map((entry, index) => ({
    name: textOf(at(entry, 'name')) ?? '',
    value: wordOf(at(entry, 'value')),
    path: `${path}.env[${index}].value`,
  }));
  return {
    fields,
    name: textOf(at(fields, 'name')) ?? '',
    image: textOf(at(fields, 'image')) ?? '',
    path,
    words: [...wordsOf(at(fields, 'command')), ...wordsOf(at(fields, 'args'))],
    environment,
    mounts: listOf(at(fields, 'volumeMounts')).map(fieldsOf),
  };
}
