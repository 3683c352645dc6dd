/**
 * Writes an image as one tar that is an OCI image layout and a docker-archive at once: `ctr images import`, `podman load`,
 * `docker load` and `skopeo copy oci-archive:` take it. The same image gives the same bytes.
 * Sources: https://github.com/opencontainers/image-spec/tree/v1.1.0 (image-layout, manifest, config, annotations);
 * https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md (manifest.json).
 */
import { createWriteStream, renameSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { hostArchitecture } from './architecture';
import { type Blob, jsonBlob } from './blob';
import { byPath, type Entry, settleEntries } from './entry';
import { parseImageName } from './image-name';
import { type LayerBlob, writeLayer } from './layer';
import { tarArchive } from './tar';

/** One layer: the less often it changes, the further down it belongs. */
export interface ImageLayer {
  readonly entries: readonly Entry[];
  /** What `podman history` shows. */
  readonly comment?: string;
}

/** What an image is made of. */
export interface Image {
  /** Registry, path and tag, as Pods name it. */
  readonly name: string;
  readonly layers: readonly ImageLayer[];
  readonly entrypoint: readonly string[];
  /** Arguments that a container gets when it gives none. */
  readonly command?: readonly string[];
  /** `UID:GID`. Default root. */
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  /** Labels of the image; its manifest has the same as annotations. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Seconds since 1970. Default 0. */
  readonly createdSeconds?: number;
  /** `none` is quicker to make and to import, `gzip` smaller. Default `gzip`. */
  readonly compression?: 'gzip' | 'none';
}

/** What was written. */
export interface WrittenImage {
  readonly name: string;
  /** Digest of the manifest: what a registry will call it. */
  readonly digest: string;
  /** Digest of the configuration: the id that `podman images` shows. */
  readonly id: string;
  readonly layers: readonly Omit<LayerBlob, 'content'>[];
  readonly file: string;
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';

/**
 * Writes `image` to `file`, which is replaced as a whole.
 * @throws ImageError IMAGE_NAME_INVALID, IMAGE_ENTRY_INVALID; system errors of reading and writing
 */
export async function writeImage(image: Image, file: string): Promise<WrittenImage> {
  const name = parseImageName(image.name);
  // Beside its destination, so that a rename ends it.
  const unfinished = await mkdtemp(join(dirname(file), `.${basename(file)}-`));
  try {
    const layers: LayerBlob[] = [];
    for (const [index, { entries }] of image.layers.entries())
      layers.push(await writeLayer(entries, join(unfinished, `layer-${index}`), image.compression ?? 'gzip'));
    const config = jsonBlob('application/vnd.oci.image.config.v1+json', configOf(image, layers));
    const manifest = jsonBlob(manifestType, {
      schemaVersion: 2,
      mediaType: manifestType,
      config: config.descriptor,
      layers: layers.map(({ descriptor }) => descriptor),
      ...(image.labels && { annotations: sorted(image.labels) }),
    });
    const annotations = {
      'io.containerd.image.name': name.full,
      'org.opencontainers.image.ref.name': name.tag,
    };
    const platform = { architecture: hostArchitecture(), os: 'linux' };
    const index = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ ...manifest.descriptor, annotations, platform }],
    };
    const dockerManifest = [
      { Config: blobPath(config), RepoTags: [name.full], Layers: layers.map((layer) => blobPath(layer)) },
    ];
    const archive = settleEntries([
      json('/oci-layout', { imageLayoutVersion: '1.0.0' }),
      json('/index.json', index),
      json('/manifest.json', dockerManifest),
      ...[config, manifest, ...layers].map((blob) => blobFile(blob)),
    ]);
    const complete = join(unfinished, 'image.tar');
    await pipeline(Readable.from(tarArchive(archive)), createWriteStream(complete));
    renameSync(complete, file);
    return {
      name: name.full,
      digest: manifest.descriptor.digest,
      id: config.descriptor.digest,
      layers: layers.map(({ content: _, ...layer }) => layer),
      file,
    };
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

function configOf(image: Image, layers: readonly LayerBlob[]) {
  const { entrypoint, command, user, env = {}, workingDirectory, labels, createdSeconds = 0 } = image;
  const created = new Date(createdSeconds * 1000).toISOString().replace('.000Z', 'Z');
  return {
    created,
    architecture: hostArchitecture(),
    os: 'linux',
    config: {
      Entrypoint: entrypoint,
      ...(command && { Cmd: command }),
      ...(user !== undefined && { User: user }),
      Env: Object.entries({ PATH: defaultPath, ...env }).map(([key, value]) => `${key}=${value}`),
      ...(workingDirectory !== undefined && { WorkingDir: workingDirectory }),
      ...(labels && { Labels: sorted(labels) }),
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: image.layers.map(({ comment }) => ({ created, ...(comment !== undefined && { comment }) })),
  };
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function blobPath({ descriptor }: Pick<Blob, 'descriptor'>): string {
  return `blobs/${descriptor.digest.replace(':', '/')}`;
}

function blobFile(blob: Blob): Entry {
  return { type: 'file', path: `/${blobPath(blob)}`, content: blob.content };
}

function json(path: string, document: unknown): Entry {
  return { type: 'file', path, content: Buffer.from(JSON.stringify(document)) };
}

function sorted(values: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(values).map(([path, value]) => ({ path, value }));
  return Object.fromEntries(entries.sort(byPath).map(({ path, value }) => [path, value]));
}
