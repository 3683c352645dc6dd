/**
 * The resources that are to be rewritten, with the names of their objects. Where etcd can be read they come from there: an
 * API server does not list a resource of which it cannot decrypt one object.
 */
import { CodedError } from '../errors';
import type { KubernetesClient } from '../kubernetes/client';
import type { EtcdReader } from './etcd-reader';
import { type ListedObject, listObjects, objectNameOf } from './objects';
import { findResource, type Resource } from './resources';

export interface Listed {
  readonly resource: Resource;
  /** In the order of their keys in etcd. */
  readonly objects: readonly ListedObject[];
}

export interface ListingOptions {
  readonly client: KubernetesClient;
  readonly etcd?: EtcdReader;
  readonly names: readonly string[];
  readonly signal?: AbortSignal;
}

/** @throws CodedError CONFIG_INVALID for an unknown resource, or one that this etcd has not; those of API server and etcd. */
export async function listResources(options: ListingOptions): Promise<readonly Listed[]> {
  const { client, etcd, names, signal } = options;
  const listed: Listed[] = [];
  for (const name of names) {
    const resource = await findResource(client, name, signal);
    const objects = etcd
      ? await storedObjects(client, etcd, resource, signal)
      : await listObjects(client, resource, signal);
    listed.push({ resource, objects });
  }
  return listed;
}

async function storedObjects(
  client: KubernetesClient,
  etcd: EtcdReader,
  resource: Resource,
  signal: AbortSignal | undefined,
): Promise<readonly ListedObject[]> {
  const objects: ListedObject[] = [];
  for await (const { key, revision } of etcd.objects(resource.etcdFolder, signal)) {
    objects.push({ ...objectNameOf(key), resourceVersion: revision });
  }
  // Nothing would be proved by an etcd, or under a prefix, where the objects are not.
  if (objects.length === 0 && (await listObjects(client, resource, signal)).length > 0) throw notThere(resource);
  return objects;
}

function notThere({ name, etcdFolder }: Resource): CodedError {
  return new CodedError('CONFIG_INVALID', `etcd holds no ${name} below ${etcdFolder}, though the API server has some`, {
    remedy: "Give the API server's own --etcd-prefix, and the etcd that it keeps this resource in.",
  });
}
