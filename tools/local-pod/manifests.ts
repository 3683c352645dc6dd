/** Reads the documents that `cdk8s synth` wrote, as a cluster would: by kind and name, and only the fields that matter here. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { type PodTemplate, podTemplate } from './pod-template';

const metadata = z.object({ name: z.string(), namespace: z.string().optional() });
const stringMap = z.record(z.string(), z.string());

const configMap = z.object({ metadata, data: stringMap });
const workload = z.object({ metadata, spec: z.object({ template: podTemplate }) });
const storageClass = z.object({
  metadata,
  provisioner: z.string(),
  parameters: stringMap.default({}),
  mountOptions: z.array(z.string()).default([]),
});
const snapshotClass = z.object({ metadata, driver: z.string(), parameters: stringMap.default({}) });

/** What every document has. */
interface KubeObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

export type StorageClass = z.output<typeof storageClass>;
export type SnapshotClass = z.output<typeof snapshotClass>;

/** One pod template with what the cluster would know of its owner. */
export interface PodSource {
  readonly kind: 'DaemonSet' | 'Deployment';
  readonly name: string;
  readonly namespace: string;
  readonly template: PodTemplate;
}

/** A set of documents. Every getter throws an Error that names what is missing. */
export class Manifests {
  constructor(
    readonly objects: readonly KubeObject[],
    /** The documents as they were written. */
    readonly text: string,
  ) {}

  configMap(name: string): Readonly<Record<string, string>> {
    return configMap.parse(this.#find('ConfigMap', name)).data;
  }

  /** @param name May be left out when there is only one. */
  daemonSet(name?: string): PodSource {
    return this.#workload('DaemonSet', name);
  }

  /** @param name May be left out when there is only one. */
  deployment(name?: string): PodSource {
    return this.#workload('Deployment', name);
  }

  storageClass(name: string): StorageClass {
    return storageClass.parse(this.#find('StorageClass', name));
  }

  snapshotClass(name: string): SnapshotClass {
    return snapshotClass.parse(this.#find('VolumeSnapshotClass', name));
  }

  #workload(kind: PodSource['kind'], name?: string): PodSource {
    const { metadata: found, spec } = workload.parse(this.#find(kind, name));
    return { kind, name: found.name, namespace: found.namespace ?? 'default', template: spec.template };
  }

  #find(kind: string, name?: string): KubeObject {
    const [found, ...others] = this.objects.filter(
      (each) => each.kind === kind && (name === undefined || each.metadata.name === name),
    );
    if (found !== undefined && others.length === 0) return found;
    const known = this.objects.filter((each) => each.kind === kind).map((each) => each.metadata.name);
    throw new Error(
      `The documents have ${found ? 'more than one' : 'no'} ${kind} ${name ?? ''}(known: ${known.join(', ')})`,
    );
  }
}

const kubeObject = z.looseObject({ kind: z.string(), metadata: z.looseObject({ name: z.string() }) });

/** All documents of the YAML files in `folder`. @throws Error naming the file that is not YAML or holds no Kubernetes object. */
export function readManifests(folder: string): Manifests {
  const files = readdirSync(folder).filter((name) => /\.ya?ml$/.test(name));
  if (files.length === 0) throw new Error(`${folder} holds no manifests: run the synth first`);
  const texts = files.sort().map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
  const objects = texts.flatMap(({ name, text }) => parse(name, text));
  return new Manifests(objects, texts.map(({ text }) => text).join('---\n'));
}

function parse(name: string, text: string): KubeObject[] {
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors;
    if (error) throw new Error(`${name}: ${error.message}`);
    return kubeObject.parse(document.toJS());
  });
}
