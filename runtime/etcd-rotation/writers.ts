/**
 * Under which provider and key an API server writes a resource: seen by having it write one object, because Status only
 * says what a plugin announced, and the first provider of the configuration is in no metric before the first write.
 */
import { CodedError } from '../errors';
import type { KubernetesClient } from '../kubernetes/client';
import { ask } from './api-servers';
import { type ListedObject, touch } from './objects';
import type { Resource } from './resources';
import { grown, type ServerReport } from './server-report';
import { identity, isKmsV2, providerName } from './stored-value';

/** Where everything of a resource is to end. */
export interface Target {
  /** `k8s:enc:kms:v2:vault:`. */
  readonly provider: string;
  /** With KMS v2 always; with v1 when etcd shows it. */
  readonly keyIdHash?: string;
}

/** Objects may be deleted under our hands. */
const attempts = 10;

/**
 * Undefined when the resource has no objects: there is nothing to rewrite then.
 * @throws CodedError ETCD_KEY_IDS_DIFFER when the server changes over in just this moment, CONFIG_INVALID when it writes
 *   plain text; those of the client.
 */
export async function writerOf(
  client: KubernetesClient,
  resource: Resource,
  objects: readonly ListedObject[],
  signal?: AbortSignal,
): Promise<Target | undefined> {
  for (const object of objects.slice(0, attempts)) {
    const before = await ask(client, signal);
    if ((await touch(client, resource, object, signal)) !== 'written') continue;
    return targetOf(resource, before, await ask(client, signal));
  }
  return undefined;
}

function targetOf({ name }: Resource, before: ServerReport, after: ServerReport): Target {
  const written = grown(before.operations, after.operations, (each) =>
    [each.resource, each.direction, each.provider].join(' '),
  ).filter((each) => each.direction === 'to_storage' && each.resource === name);
  const provider = single(new Set(written.map((each) => each.provider)), `${after.address} writes ${name} under`);
  // A resource that no configuration names is written without a word in the metrics.
  if (provider === undefined || provider === identity || provider === '') {
    throw new CodedError('CONFIG_INVALID', `API server ${after.address} writes ${name} in plain text`, {
      remedy: 'Put the KMS provider first in its EncryptionConfiguration, or leave the resource out with --resource.',
    });
  }
  if (!isKmsV2(provider)) return { provider };
  const uses = grown(before.uses, after.uses, (each) =>
    [each.provider, each.direction, each.keyIdHash].join(' '),
  ).filter((each) => each.direction === 'to_storage' && each.provider === providerName(provider));
  const keyIdHash = single(new Set(uses.map((each) => each.keyIdHash)), `${after.address} uses`);
  return { provider, ...(keyIdHash !== undefined && { keyIdHash }) };
}

function single(values: ReadonlySet<string>, what: string): string | undefined {
  if (values.size < 2) return [...values][0];
  throw new CodedError('ETCD_KEY_IDS_DIFFER', `${what} ${[...values].join(' and ')} in the same moment`, {
    remedy: 'Wait until its configuration and its plugin are settled, and repeat.',
  });
}
