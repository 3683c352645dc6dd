// What becomes of a key when its volume is deleted (R17). One word for every KMS; each type says which words it can keep.
import * as z from 'zod';
import { SchemaError } from '../schema-error';
import type { Same } from '../written-type';

/** The policies, from the most final to the least. */
const deletionPolicies = ['destroy', 'recoverable', 'keep'] as const;

/**
 * What becomes of a key when its volume is deleted.
 *
 * - `destroy`: nothing of it stays at the KMS; the data is gone for good, also in backups of the ciphertext
 * - `recoverable`: the KMS hides it, and an operator of the KMS can bring it back
 * - `keep`: it stays as it is; somebody else must remove it
 */
export type DeletionPolicy = 'destroy' | 'recoverable' | 'keep';

true satisfies Same<DeletionPolicy, (typeof deletionPolicies)[number]>;

/** A policy as part of settings. */
export const deletionPolicy = z.enum(deletionPolicies);

/** For declarations only: a section of ceph-csi may ask for more than its engine does, and ceph-csi takes it. */
export function refuseEmptyPromise(
  { backend, deletion }: { readonly backend: string; readonly deletion: DeletionPolicy },
  subject: string,
): void {
  if (backend !== 'kv' || deletion !== 'recoverable') return;
  throw new SchemaError(subject, [
    {
      path: 'deletion',
      message: 'is more than KV version 1 can do, which forgets at once',
      got: deletion,
      allowed: ['destroy', 'keep'],
      remedy: 'use one of them, or an engine of version 2',
    },
  ]);
}

/** The two keys of a section that say the policy: ceph-csi's own, and keyward's for what ceph-csi cannot say. */
export interface DeletionKeys {
  readonly vaultDestroyKeys?: boolean;
  readonly vaultKeepKeys?: boolean;
}

/** The policy of a section. ceph-csi destroys unless told otherwise. */
export function deletionOf({ vaultDestroyKeys = true, vaultKeepKeys = false }: DeletionKeys): DeletionPolicy {
  if (vaultKeepKeys) return 'keep';
  return vaultDestroyKeys ? 'destroy' : 'recoverable';
}

/** The keys of a policy. A ceph-csi that reads `keep` at least does not destroy. */
export function deletionKeys(deletion: DeletionPolicy): DeletionKeys {
  return { vaultDestroyKeys: deletion === 'destroy', ...(deletion === 'keep' && { vaultKeepKeys: true }) };
}
