/** One resource, from its target to the proof: by what etcd shows, or by what the API server lists. */
import type { KubernetesClient } from '../kubernetes/client';
import { type Census, isUnder, takeCensus } from './census';
import type { EtcdReader } from './etcd-reader';
import { keyOf, type ListedObject, objectNameOf } from './objects';
import type { RotatedResource } from './outcome';
import type { PaceOptions } from './pace';
import { type Proof, proveByReading } from './proof';
import type { Resource } from './resources';
import type { ResumeFile } from './resume-file';
import { type RewriteCounts, rewriteAll } from './rewrite';
import type { Target } from './writers';

export interface ResourceWork {
  readonly client: KubernetesClient;
  readonly resource: Resource;
  readonly target: Target;
  /** As they were before the first one was touched. */
  readonly objects: readonly ListedObject[];
  readonly pace: PaceOptions;
  readonly resume?: ResumeFile;
  readonly onProgress: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Objects that somebody writes back from an old state of an API server are found by the next pass. */
const passes = 3;
/** So many are named; the rest is a number. */
const shownKeys = 5;

/** Rewrites only what etcd shows under another key, which is also how it goes on after a kill. @throws CodedError. */
export async function rotateByEtcd(work: ResourceWork & { readonly etcd: EtcdReader }): Promise<RotatedResource> {
  const { etcd, resource, target, signal } = work;
  let counts: RewriteCounts | undefined;
  for (let pass = 1; ; pass += 1) {
    const census = await takeCensus(etcd, resource.etcdFolder, target, signal);
    const before = counts ?? { ...none, unchanged: census.total - census.elsewhere.length };
    const isLast = census.elsewhere.length === 0 || pass > passes || before.refused.length > 0;
    if (isLast) return { ...resultOf(work, census), ...before, proof: proofOf(census, resource) };
    counts = sum(
      before,
      await rewriteAll(census.elsewhere.map(objectNameOf), optionsOf(work, census.elsewhere.length)),
    );
  }
}

/** Asks the API server to rewrite all that it lists, and to read it again. @throws CodedError. */
export async function rotateByListing(work: ResourceWork): Promise<RotatedResource> {
  const { resource, target, objects, resume, onProgress } = work;
  const before = resume?.doneBefore(resource.name, target);
  const startRevision = before?.startRevision ?? newest(objects);
  const rest = before ? objects.filter((each) => keyOf(each) > before.last) : objects;
  if (before) onProgress(`${resource.name}: ${objects.length - rest.length} were done before`);
  const options = optionsOf(work, rest.length);
  let counts = await rewriteAll(rest, {
    ...options,
    onBatch: async (done, last) => {
      await options.onBatch(done);
      await resume?.done(resource.name, target, { last: keyOf(last), startRevision });
    },
  });
  for (let pass = 1; ; pass += 1) {
    onProgress(`${resource.name}: reading all of them again`);
    const proof = await proveByReading({ ...work, startRevision });
    const isLast = proof.fault === undefined || pass > 1 || counts.refused.length > 0;
    if (isLast) return { resource: resource.name, target, ...counts, proof };
    onProgress(`${resource.name}: ${proof.fault}; once more`);
    counts = sum(counts, await rewriteAll(objects, optionsOf(work, objects.length)));
  }
}

function optionsOf({ client, resource, target, pace, onProgress, signal }: ResourceWork, total: number) {
  return {
    client,
    resource,
    provider: target.provider,
    pace,
    onBatch: async (done: number) => onProgress(`${resource.name}: ${done} of ${total}`),
    ...(signal && { signal }),
  };
}

function resultOf({ resource, target }: ResourceWork, { rows }: Census): Pick<RotatedResource, 'resource' | 'target'> {
  const keyId = rows.find((row) => isUnder(target, row))?.keyId;
  return { resource: resource.name, target: { ...target, ...(keyId !== undefined && { keyId }) } };
}

function proofOf({ total, elsewhere }: Census, { name }: Resource): Proof {
  if (elsewhere.length === 0) return { kind: 'etcd', count: total };
  const shown = elsewhere.slice(0, shownKeys).join(', ');
  const more = elsewhere.length > shownKeys ? ` and ${elsewhere.length - shownKeys} more` : '';
  return { kind: 'etcd', count: total, fault: `${elsewhere.length} ${name} are under another key: ${shown}${more}` };
}

const none: RewriteCounts = { written: 0, unchanged: 0, gone: 0, conflict: 0, refused: [] };

function sum(one: RewriteCounts, other: RewriteCounts): RewriteCounts {
  return {
    written: one.written + other.written,
    unchanged: one.unchanged + other.unchanged,
    gone: one.gone + other.gone,
    conflict: one.conflict + other.conflict,
    refused: [...one.refused, ...other.refused],
  };
}

function newest(objects: readonly ListedObject[]): string {
  return objects.reduce(
    (most, { resourceVersion }) => (BigInt(resourceVersion) > BigInt(most) ? resourceVersion : most),
    '0',
  );
}
