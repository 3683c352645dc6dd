/** A resource as the API serves it and as etcd keeps it. */
import * as z from 'zod';
import { CodedError } from '../errors';
import { type KubernetesClient, path } from '../kubernetes/client';
import { notUnderstood } from '../kubernetes/errors';
import { etcdFolder, type GroupResource, parseGroupResource } from './etcd-paths';

export interface Resource {
  /** `secrets`, `deployments.apps`. */
  readonly name: string;
  readonly isNamespaced: boolean;
  /** Parts of the path up to the version: `['api', 'v1']`. */
  readonly root: readonly string[];
  readonly plural: string;
  readonly etcdFolder: string;
}

const groupShape = z.object({ preferredVersion: z.object({ version: z.string() }) });
const listShape = z.object({ resources: z.array(z.object({ name: z.string(), namespaced: z.boolean() })) });

/** @throws CodedError CONFIG_INVALID when there is no such resource; those of the client. */
export async function findResource(client: KubernetesClient, name: string, signal?: AbortSignal): Promise<Resource> {
  const wanted = parseGroupResource(name);
  const root = await rootOf(client, wanted, name, signal);
  const at = path(root);
  const answer = await client.request({ method: 'GET', path: at, ...(signal && { signal }) });
  const parsed = listShape.safeParse(answer);
  if (!parsed.success) throw notUnderstood(`GET ${at}`, 'is no list of resources');
  const found = parsed.data.resources.find((each) => each.name === wanted.resource);
  if (!found) throw unknown(name);
  return {
    name,
    isNamespaced: found.namespaced,
    root,
    plural: wanted.resource,
    etcdFolder: etcdFolder(wanted),
  };
}

async function rootOf(
  client: KubernetesClient,
  { group }: GroupResource,
  name: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  if (group === '') return ['api', 'v1'];
  const at = path(['apis', group]);
  const answer = await client.request({ method: 'GET', path: at, ...(signal && { signal }) });
  if (!answer) throw unknown(name);
  const parsed = groupShape.safeParse(answer);
  if (!parsed.success) throw notUnderstood(`GET ${at}`, 'is no API group');
  return ['apis', group, parsed.data.preferredVersion.version];
}

function unknown(name: string): CodedError {
  return new CodedError('CONFIG_INVALID', `the API server has no resource ${JSON.stringify(name.slice(0, 200))}`, {
    remedy: 'Name it by its plural and its group, for example secrets or certificates.cert-manager.io.',
  });
}
