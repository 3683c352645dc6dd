// The Secrets of a class of ceph-csi. Each carries the Ceph user (`userID`, `userKey`), so none of them may be missing; with
// a KMS that reads its passphrase or its CA from the request, the same Secret carries that too.
import type { SecretRef } from '../../schema/secret-ref';
import type { Same } from '../../schema/written-type';
import { type PlacedSecretRef, placeSecret } from '../class-secrets';
import { propError } from '../prop-error';

const operations = [
  'provisioner',
  'controller-expand',
  'controller-publish',
  'node-stage',
  'node-publish',
  'node-expand',
] as const;

/** An operation of ceph-csi that may carry a Secret. */
export type CephCsiSecretOperation =
  | 'provisioner'
  | 'controller-expand'
  | 'controller-publish'
  | 'node-stage'
  | 'node-publish'
  | 'node-expand';

true satisfies Same<CephCsiSecretOperation, (typeof operations)[number]>;

/**
 * One Secret for all operations that need one, or one for each that is named. `controller-publish` (fencing) and
 * `node-publish` are written only when named.
 */
export type CephCsiClassSecrets = SecretRef | Readonly<Partial<Record<CephCsiSecretOperation, SecretRef>>>;

/** What decides the Secrets. */
export interface CephCsiSecretNeeds {
  readonly prop: string;
  readonly allowVolumeExpansion: boolean;
  /** Where a Secret is when its reference does not say. */
  readonly namespace: string | undefined;
}

/** Places each reference in its namespace, and refuses a class that misses one (trap 2). */
export function placeCephCsiSecrets(
  secrets: CephCsiClassSecrets,
  needs: CephCsiSecretNeeds,
): ReadonlyMap<CephCsiSecretOperation, PlacedSecretRef> {
  const needed = operations.filter((operation) => isNeeded(operation, needs));
  const unknown = isOneForAll(secrets) ? undefined : Object.keys(secrets).find((key) => !isOperation(key));
  if (unknown !== undefined) throw fault(needs, JSON.stringify(unknown), operations.join(', '));
  const placed = new Map<CephCsiSecretOperation, PlacedSecretRef>();
  for (const operation of operations) {
    const ref = isOneForAll(secrets) ? (needed.includes(operation) ? secrets : undefined) : secrets[operation];
    if (ref !== undefined) placed.set(operation, placeSecret(ref, operation, needs));
  }
  // On the node ceph-csi grows a volume from what it noted at the stage: the Secret is sent, and not asked for.
  const missing = needed.filter((operation) => operation !== 'node-expand' && !placed.has(operation));
  if (missing.length > 0)
    throw fault(needs, `no Secret for ${missing.join(', ')}`, 'a Secret with the Ceph user for each');
  return placed;
}

function isNeeded(operation: CephCsiSecretOperation, { allowVolumeExpansion }: CephCsiSecretNeeds): boolean {
  if (operation === 'controller-publish' || operation === 'node-publish') return false;
  return allowVolumeExpansion || !operation.endsWith('-expand');
}

function isOneForAll(secrets: CephCsiClassSecrets): secrets is SecretRef {
  return 'name' in secrets;
}

function isOperation(key: string): boolean {
  return operations.some((operation) => operation === key);
}

function fault({ prop }: CephCsiSecretNeeds, got: string, allowed: string): Error {
  return propError({
    prop,
    got,
    allowed,
    remedy: 'Give one { name, namespace } for all operations',
    rule: 'R18, trap 2',
  });
}
