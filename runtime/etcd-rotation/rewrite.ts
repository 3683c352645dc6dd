/** Rewrites a list of objects at a bounded pace, in batches, so that what was done can be noted and told. */
import { CodedError, toCoded } from '../errors';
import type { KubernetesClient } from '../kubernetes/client';
import { KubernetesError } from '../kubernetes/errors';
import { keyOf, type ListedObject, type ObjectName, type Outcome, rewriteIfStale, touch } from './objects';
import { forEachAtPace, type PaceOptions } from './pace';
import type { Resource } from './resources';
import { isKmsV1 } from './stored-value';

/** An object that the API server would not write, for example because an admission webhook refuses it. */
export interface Refusal {
  readonly key: string;
  readonly reason: string;
}

export interface RewriteCounts {
  readonly written: number;
  /** Were stored under the target already. */
  readonly unchanged: number;
  /** Deleted meanwhile. */
  readonly gone: number;
  /** Written by somebody else in the same moment. */
  readonly conflict: number;
  readonly refused: readonly Refusal[];
}

export interface RewriteOptions {
  readonly client: KubernetesClient;
  readonly resource: Resource;
  /** How the API server's values begin. */
  readonly provider: string;
  readonly pace: PaceOptions;
  /** After each batch: how many are done, and the last of them. */
  readonly onBatch: (done: number, last: ObjectName) => Promise<void>;
  readonly signal?: AbortSignal;
}

const batchSize = 100;
/** So many refusals are no longer a matter of single objects. */
const maxRefused = 100;

/** @throws CodedError ABORTED, and those of the client that are not about one object. */
export async function rewriteAll(
  objects: readonly (ObjectName & Partial<ListedObject>)[],
  options: RewriteOptions,
): Promise<RewriteCounts> {
  const { client, resource, provider, pace, signal } = options;
  const rewriteOne = isKmsV1(provider) ? touch : rewriteIfStale;
  const counts: Record<Outcome, number> = { written: 0, unchanged: 0, gone: 0, conflict: 0 };
  const refused: Refusal[] = [];
  for (let at = 0; at < objects.length; at += batchSize) {
    const batch = objects.slice(at, at + batchSize);
    await forEachAtPace(
      batch,
      pace,
      async (object) => {
        try {
          counts[await rewriteOne(client, resource, object, signal)] += 1;
        } catch (error) {
          refused.push(refusal(object, error));
          if (refused.length > maxRefused) throw tooMany(resource);
        }
      },
      signal,
    );
    const last = batch.at(-1);
    if (last) await options.onBatch(at + batch.length, last);
  }
  return { ...counts, refused };
}

/**
 * What may concern one object only: one that a webhook refuses (400, 403, 422), or that the API server cannot decrypt
 * (500). Where it concerns all of them the limit on refusals ends the run.
 */
const ofOneObject: readonly (number | undefined)[] = [400, 403, 422, 500];

function refusal(object: ObjectName, thrown: unknown): Refusal {
  const error = toCoded(thrown);
  if (!(error instanceof KubernetesError) || !ofOneObject.includes(error.status)) throw thrown;
  return { key: keyOf(object), reason: `${error.code}: ${error.message}` };
}

function tooMany({ name }: Resource): CodedError {
  return new CodedError('KMS_DENIED', `the API server refuses to write more than ${maxRefused} ${name}`, {
    remedy: `Give the right to list, get and patch ${name}; see whether an admission webhook refuses them.`,
  });
}
