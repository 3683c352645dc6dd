// Documents that stand as text in ConfigMaps and Secrets: a file of a control-plane node, delivered by the API.
import { annotationOf, type KubernetesObject, objectOf } from './kubernetes-object';
import { at, fieldsOf, isFields, jsonOf, pathOf, textOf } from './values';

/** Reads the documents of a text in YAML; may throw for what is none. */
export type ReadYaml = (text: string) => readonly unknown[];

/** Annotation of a ConfigMap or Secret of node files, followed by the key: path on the node, and mode. */
const fileAnnotation = 'file.keyward.io/';

/** A text longer than this is no configuration of a control plane. */
const longestText = 1_000_000;

/** A text of a ConfigMap or Secret. Values in base64 are left alone: those of Secrets are never looked at. */
interface Text {
  readonly holder: KubernetesObject;
  readonly key: string;
  readonly path: string;
  readonly text: string;
}

/** The objects inside a ConfigMap or Secret: an EncryptionConfiguration, and what stands in files of nodes. */
export function embeddedObjects(holder: KubernetesObject, readYaml: ReadYaml | undefined): readonly KubernetesObject[] {
  return textsOf(holder).flatMap(({ key, path, text }) => {
    const isNodeFile = annotationOf(holder, `${fileAnnotation}${key}`) !== undefined;
    const kinds = isNodeFile ? ['EncryptionConfiguration', 'Pod', 'ClusterConfiguration'] : ['EncryptionConfiguration'];
    if (!kinds.some((kind) => text.includes(kind))) return [];
    return documentsOf(text, readYaml).flatMap((document) => {
      if (!isFields(document) || !kinds.includes(textOf(document.kind) ?? '')) return [];
      return [{ ...objectOf(document, holder.index), inside: { holder, path } }];
    });
  });
}

/** A file of a node that a ConfigMap or Secret of the set holds. */
export interface NodeFileView {
  readonly holder: KubernetesObject;
  readonly path: string;
  readonly document: unknown;
}

/** The file at a path of the node, if the set has it and it can be read. */
export function nodeFileAt(
  holders: readonly KubernetesObject[],
  file: string,
  readYaml: ReadYaml | undefined,
): NodeFileView | undefined {
  for (const holder of holders) {
    for (const { key, path, text } of textsOf(holder)) {
      if (annotationOf(holder, `${fileAnnotation}${key}`)?.split(' ')[0] !== file) continue;
      const [document] = documentsOf(text, readYaml);
      return document === undefined ? undefined : { holder, path, document };
    }
  }
  return undefined;
}

function textsOf(holder: KubernetesObject): readonly Text[] {
  const field = { ConfigMap: 'data', Secret: 'stringData' }[holder.kind];
  if (field === undefined) return [];
  return Object.entries(fieldsOf(at(holder.fields, field))).flatMap(([key, text]) =>
    typeof text === 'string' && text.length <= longestText ? [{ holder, key, path: pathOf(field, key), text }] : [],
  );
}

/** JSON is read by itself; YAML where whoever runs the rules brings a reader. */
function documentsOf(text: string, readYaml: ReadYaml | undefined): readonly unknown[] {
  if (text.trimStart().startsWith('{')) {
    const parsed = jsonOf(text);
    if (parsed !== undefined) return [parsed];
  }
  if (readYaml === undefined) return [];
  try {
    return readYaml(text);
  } catch {
    // Not YAML, or a template that is filled in later: what reads the file says so.
    return [];
  }
}
