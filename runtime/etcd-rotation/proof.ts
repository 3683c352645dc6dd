/**
 * Without etcd: the proof that everything is stored under the target. An API server is made to read every object from
 * etcd, and its metrics tell under which providers and keys the objects were that it read meanwhile. Whatever else it
 * reads in that time counts too, so the proof can fail without need, and never succeed without reason.
 */
import type { KubernetesClient } from '../kubernetes/client';
import { ask } from './api-servers';
import { type ListedObject, listObjects, readThrough } from './objects';
import { forEachAtPace, type PaceOptions } from './pace';
import type { Resource } from './resources';
import { grown, type ServerReport } from './server-report';
import { isKmsV1, isKmsV2, providerName } from './stored-value';
import type { Target } from './writers';

/** What the result rests on: values in etcd; what an API server read; with KMS v1 when each object was written last. */
export type ProofKind = 'etcd' | 'reads' | 'revisions';

export interface Proof {
  readonly kind: ProofKind;
  /** Objects that were looked at. */
  readonly count: number;
  /** Why it failed, as a clause; undefined: it holds. */
  readonly fault?: string;
}

export interface ProofOptions {
  readonly client: KubernetesClient;
  readonly resource: Resource;
  readonly target: Target;
  readonly pace: PaceOptions;
  /** Revision of etcd before the rewriting began. */
  readonly startRevision: string;
  readonly signal?: AbortSignal;
}

/** @throws CodedError of the client. */
export async function proveByReading(options: ProofOptions): Promise<Proof> {
  const { client, resource, target, pace, signal } = options;
  const objects = await listObjects(client, resource, signal);
  const before = await ask(client, signal);
  let count = 0;
  await forEachAtPace(
    objects,
    pace,
    async (object) => {
      if (await readThrough(client, resource, object, signal)) count += 1;
    },
    signal,
  );
  const fault = faultIn(before, await ask(client, signal), { resource: resource.name, target, count });
  if (fault !== undefined || !isKmsV1(target.provider)) {
    return { kind: 'reads', count, ...(fault !== undefined && { fault }) };
  }
  // The metrics know no key of KMS v1. But whatever was written since transit was rotated is under the new version.
  const old = notWrittenSince(objects, options.startRevision);
  return { kind: 'revisions', count, ...(old > 0 && { fault: `${old} ${resource.name} were not written again` }) };
}

interface Expected {
  readonly resource: string;
  readonly target: Target;
  readonly count: number;
}

/** Pure: what speaks against the proof, as a clause. */
export function faultIn(before: ServerReport, after: ServerReport, expected: Expected): string | undefined {
  const { resource, target, count } = expected;
  const read = grown(before.operations, after.operations, (each) =>
    [each.resource, each.direction, each.provider].join(' '),
  ).filter((each) => each.direction === 'from_storage' && each.resource === resource);
  const other = read.find((each) => each.provider !== target.provider);
  if (other) return `${other.count} ${resource} are stored under ${other.provider}`;
  const seen = read.reduce((sum, each) => sum + each.count, 0);
  if (seen < count) return `only ${seen} of ${count} ${resource} were seen to be read from etcd`;
  if (!isKmsV2(target.provider)) return undefined;
  const uses = grown(before.uses, after.uses, (each) =>
    [each.provider, each.direction, each.keyIdHash].join(' '),
  ).filter((each) => each.direction === 'from_storage' && each.provider === providerName(target.provider));
  const old = uses.find((each) => each.keyIdHash !== target.keyIdHash);
  return old && `${old.count} objects under the key id ${old.keyIdHash} were read`;
}

function notWrittenSince(objects: readonly ListedObject[], startRevision: string): number {
  return objects.filter(({ resourceVersion }) => BigInt(resourceVersion) <= BigInt(startRevision)).length;
}
