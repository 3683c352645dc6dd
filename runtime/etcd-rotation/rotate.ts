/**
 * `keyward etcd rotate` (R15): one key id on every API server → everything rewritten → proved. What may then be retired is
 * told, never done. Each step can be repeated: what is stored under the key already is not written again.
 */
import { CodedError } from '../errors';
import type { KubernetesClient } from '../kubernetes/client';
import { takeCensus } from './census';
import { encryptedResources } from './encrypted-resources';
import type { EtcdReader } from './etcd-reader';
import { listResources } from './listing';
import type { RotatedResource, Rotation } from './outcome';
import type { PaceOptions } from './pace';
import { ResumeFile } from './resume-file';
import { retireAdvice } from './retire-advice';
import type { RewriteCounts } from './rewrite';
import { rotateByEtcd, rotateByListing } from './rotate-resource';
import { settle, settleTargets } from './settle';
import { hashOf, isKmsV1 } from './stored-value';
import type { Target } from './writers';

export interface RotateOptions {
  /** All API servers; the first one rewrites. */
  readonly servers: readonly [KubernetesClient, ...KubernetesClient[]];
  readonly etcd?: EtcdReader;
  /** Undefined: what the API servers encrypt. */
  readonly resources?: readonly string[];
  /** Hash of the key id that must be reported. */
  readonly wanted?: string;
  readonly waitMs: number;
  readonly pace: PaceOptions;
  readonly stateFile?: string;
  /** Lines for people. */
  readonly onProgress: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** @throws CodedError ETCD_KEY_IDS_DIFFER, CONFIG_INVALID, ABORTED, and those of API server and etcd. */
export async function rotate(options: RotateOptions): Promise<Rotation> {
  const { servers, etcd, onProgress, stateFile } = options;
  const settling = { ...options, onWait: (because: string) => onProgress(`waiting: ${because}`) };
  const reports = await settle(settling);
  const listed = await listResources({
    ...options,
    client: servers[0],
    names: options.resources ?? encryptedResources(reports),
  });
  const targets = await settleTargets(settling, listed);
  const resume = stateFile === undefined ? undefined : await ResumeFile.open(stateFile);
  const resources: RotatedResource[] = [];
  for (const { resource, objects } of listed) {
    const settled = targets.get(resource.name);
    if (!settled) {
      resources.push({ resource: resource.name, ...nothing, proof: { kind: etcd ? 'etcd' : 'reads', count: 0 } });
      continue;
    }
    const target = etcd ? await withVersionOfV1(etcd, resource.etcdFolder, settled, options) : settled;
    onProgress(`${resource.name}: ${objects.length} objects, to be stored under ${describeTarget(target)}`);
    const work = { ...options, client: servers[0], resource, objects, target, ...(resume && { resume }) };
    const isTold = target.keyIdHash !== undefined || !isKmsV1(target.provider);
    resources.push(etcd && isTold ? await rotateByEtcd({ ...work, etcd }) : await rotateByListing(work));
  }
  const proven = resources.every(({ proof, refused }) => proof.fault === undefined && refused.length === 0);
  if (proven) await resume?.remove();
  const keyId = resources.find(({ target }) => target?.keyId !== undefined)?.target?.keyId;
  return { proven, resources, ...(proven && { advice: retireAdvice(keyId) }) };
}

const nothing: RewriteCounts = { written: 0, unchanged: 0, gone: 0, conflict: 0, refused: [] };

/** With KMS v1 no metric tells the key. The object that was just touched has the newest version of all. */
async function withVersionOfV1(
  etcd: EtcdReader,
  folder: string,
  target: Target,
  { wanted, signal }: RotateOptions,
): Promise<Target> {
  if (!isKmsV1(target.provider)) return target;
  const { rows } = await takeCensus(etcd, folder, undefined, signal);
  const versions = rows
    .filter(({ provider }) => provider === target.provider)
    .flatMap(({ keyId }) => Number(/^vault:v(\d+)$/.exec(keyId ?? '')?.[1] ?? []));
  const newest = Math.max(0, ...versions.filter(Number.isFinite));
  if (newest === 0) return target;
  const keyIdHash = hashOf(`vault:v${newest}`);
  if (wanted !== undefined && wanted !== keyIdHash) {
    throw new CodedError('ETCD_KEY_IDS_DIFFER', `the API server writes under vault:v${newest}, not under ${wanted}`, {
      remedy: 'See whether transit was rotated, and give its newest version, for example --key-id vault:v2.',
    });
  }
  return { ...target, keyIdHash };
}

function describeTarget({ provider, keyIdHash }: Target): string {
  return `${provider} ${keyIdHash ?? ''}`.trimEnd();
}
