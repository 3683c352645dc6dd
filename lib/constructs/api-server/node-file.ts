// A file as it must stand on each control-plane node. None of them holds a secret: credentials are put beside them by hand,
// or by whoever provisions the nodes.
import { posix } from 'node:path';
import { type ApiObjectMetadata, Yaml } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { propError } from '../prop-error';

/** A file of a node. */
export interface NodeFile {
  /** Absolute path on the node. */
  readonly path: string;
  /** Mode of the file in octal, owned by root. */
  readonly mode: '0600' | '0644';
  /** Content of the file. */
  readonly text: string;
}

/** A document in YAML. */
export function yamlFile(path: string, document: unknown, mode: NodeFile['mode'] = '0600'): NodeFile {
  return { path, mode, text: Yaml.stringify(document) };
}

/** Props of `NodeFiles`. */
export interface NodeFilesProps {
  /** The files. No two may end in the same name. */
  readonly files: readonly NodeFile[];
  /**
   * What they are delivered in. Cluster API reads the files of a node from Secrets only.
   * @default Secret
   */
  readonly kind?: 'Secret' | 'ConfigMap';
  /**
   * Metadata of the object.
   * @default - a name made by cdk8s
   */
  readonly metadata?: ApiObjectMetadata;
}

/**
 * The files in one object, for whoever provisions the nodes from the cluster that manages them. Each key is the last part of
 * a path; the whole paths stand in annotations.
 */
export class NodeFiles extends Construct {
  /** Name of the object. */
  readonly name: string;
  /** The key of each path. */
  readonly keys: ReadonlyMap<string, string>;

  constructor(scope: Construct, id: string, { files, kind = 'Secret', metadata }: NodeFilesProps) {
    super(scope, id);
    this.keys = new Map(files.map(({ path }) => [path, posix.basename(path)]));
    if (new Set(this.keys.values()).size < files.length) throw sameName(this.node.path, files);
    const annotations = Object.fromEntries(
      files.map(({ path, mode }) => [`file.keyward.io/${posix.basename(path)}`, `${path} ${mode}`]),
    );
    const data = Object.fromEntries(files.map(({ path, text }) => [posix.basename(path), text]));
    const placed = { ...metadata, annotations: { ...metadata?.annotations, ...annotations } };
    this.name =
      kind === 'Secret'
        ? new k8s.KubeSecret(this, 'Resource', { metadata: placed, stringData: data }).name
        : new k8s.KubeConfigMap(this, 'Resource', { metadata: placed, data }).name;
  }
}

function sameName(subject: string, files: readonly NodeFile[]): Error {
  return propError({
    prop: `${subject}.files`,
    got: files.map(({ path }) => path).join(', '),
    allowed: 'files whose names differ, also in different folders',
    remedy: 'Deliver them in two objects',
  });
}
