/**
 * The objects of a resource, by name only: all calls ask for metadata, so that no content of a Secret is received.
 * A patch that changes nothing makes the API server write an object anew when it is stored under another key than the
 * server's own, and only then. With KMS v1 the server cannot tell, so there an annotation is set and taken away.
 */
import * as z from 'zod';
import { retry } from '../async/retry';
import { type KubernetesClient, path } from '../kubernetes/client';
import { KubernetesError, notUnderstood } from '../kubernetes/errors';
import type { Resource } from './resources';

export interface ObjectName {
  /** Undefined for cluster-scoped ones. */
  readonly namespace?: string;
  readonly name: string;
}

export interface ListedObject extends ObjectName {
  /** Revision of etcd at which it was last written. */
  readonly resourceVersion: string;
}

/** `conflict`: somebody else wrote it in the same moment, and thereby under the newest key. */
export type Outcome = 'written' | 'unchanged' | 'gone' | 'conflict';

const metadataAs = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const listAs = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
const mergePatch = 'application/merge-patch+json';
const touchedAnnotation = 'keyward.io/etcd-rotation';
const pageSize = 250;
/** Annotations have 256 KiB at most; managed fields are smaller as a rule. */
const maxPageBytes = 128 * 1024 * 1024;

const metaShape = z.object({
  name: z.string().min(1),
  namespace: z.string().min(1).optional(),
  resourceVersion: z.string().min(1),
});
const listShape = z.object({
  metadata: z.object({ continue: z.string().default(''), resourceVersion: z.string() }),
  items: z.array(z.object({ metadata: metaShape })).nullish(),
});
const objectShape = z.object({ metadata: metaShape });

/** All of them, in the order of their keys in etcd. @throws CodedError of the client. */
export async function listObjects(
  client: KubernetesClient,
  resource: Resource,
  signal?: AbortSignal,
): Promise<ListedObject[]> {
  const objects = await retry(() => listOnce(client, resource, signal), {
    attempts: 3,
    ...(signal && { signal }),
    // 410: etcd has compacted the revision on which the list began.
    isRetriable: (error) => error instanceof KubernetesError && (error.status === 410 || error.retryable),
    delayAfterMs,
  });
  return objects.sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}

/** `namespace/name`, or `name`: the end of the key in etcd. */
export function keyOf({ namespace, name }: ObjectName): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

export function objectNameOf(key: string): ObjectName {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** Writes an object anew if the API server finds that it must. @throws CodedError of the client. */
export function rewriteIfStale(
  client: KubernetesClient,
  resource: Resource,
  object: ObjectName & { readonly resourceVersion?: string },
  signal?: AbortSignal,
): Promise<Outcome> {
  return outcomeOf(async () => {
    const version = await patch(client, resource, object, {}, signal);
    if (version === undefined) return 'gone';
    return version === object.resourceVersion ? 'unchanged' : 'written';
  });
}

/** Writes an object anew in any case: twice, and what is left is what was there. @throws CodedError of the client. */
export function touch(
  client: KubernetesClient,
  resource: Resource,
  object: ObjectName,
  signal?: AbortSignal,
): Promise<Outcome> {
  const annotate = (value: string | null) =>
    patch(client, resource, object, { metadata: { annotations: { [touchedAnnotation]: value } } }, signal);
  return outcomeOf(async () => {
    if ((await annotate('under way')) === undefined) return 'gone';
    return (await annotate(null)) === undefined ? 'gone' : 'written';
  });
}

/** Has the API server read an object from etcd, never from its cache. @returns false when it is gone */
export async function readThrough(
  client: KubernetesClient,
  resource: Resource,
  object: ObjectName,
  signal?: AbortSignal,
): Promise<boolean> {
  const request = {
    method: 'GET',
    path: pathOf(resource, object),
    accept: metadataAs,
    ...(signal && { signal }),
  } as const;
  return (await retry(() => client.request(request), { ...(signal && { signal }), delayAfterMs })) !== undefined;
}

async function outcomeOf(act: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 409) return 'conflict';
    throw error;
  }
}

/** @returns the resource version after it; undefined when the object is gone */
async function patch(
  client: KubernetesClient,
  resource: Resource,
  object: ObjectName,
  body: object,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const at = pathOf(resource, object);
  const request = {
    method: 'PATCH',
    path: `${at}?fieldManager=keyward-etcd-rotation`,
    body,
    contentType: mergePatch,
    accept: metadataAs,
    ...(signal && { signal }),
  } as const;
  const answer = await retry(() => client.request(request), { ...(signal && { signal }), delayAfterMs });
  if (!answer) return undefined;
  const parsed = objectShape.safeParse(answer);
  if (!parsed.success) throw notUnderstood(`PATCH ${at}`, 'is not the object that was asked for');
  return parsed.data.metadata.resourceVersion;
}

async function listOnce(
  client: KubernetesClient,
  resource: Resource,
  signal: AbortSignal | undefined,
): Promise<ListedObject[]> {
  const at = path([...resource.root, resource.plural]);
  const objects: ListedObject[] = [];
  let token = '';
  do {
    const query = new URLSearchParams({ limit: String(pageSize), ...(token !== '' && { continue: token }) });
    const answer = await client.request({
      method: 'GET',
      path: `${at}?${query}`,
      accept: listAs,
      maxAnswerBytes: maxPageBytes,
      ...(signal && { signal }),
    });
    const parsed = listShape.safeParse(answer);
    if (!parsed.success) throw notUnderstood(`GET ${at}`, 'is no list of objects');
    for (const { metadata } of parsed.data.items ?? []) {
      const { namespace, ...rest } = metadata;
      objects.push({ ...rest, ...(namespace !== undefined && { namespace }) });
    }
    token = parsed.data.metadata.continue;
  } while (token !== '');
  return objects;
}

function pathOf({ root, plural, isNamespaced }: Resource, { namespace, name }: ObjectName): string {
  return path([...root, ...(isNamespaced && namespace !== undefined ? ['namespaces', namespace] : []), plural, name]);
}

function delayAfterMs(error: unknown): number | undefined {
  return error instanceof KubernetesError ? error.retryAfterMs : undefined;
}
