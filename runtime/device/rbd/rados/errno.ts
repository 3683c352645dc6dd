/** What the numbers mean that librados answers. */
import { getSystemErrorName } from 'node:util';
import { type Code, CodedError } from '../../../errors';

/** Linux's numbers, which Ceph uses on the wire as well. */
export const errno = {
  EPERM: 1,
  ENOENT: 2,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  ENOSPC: 28,
  ERANGE: 34,
  ESHUTDOWN: 108,
  ETIMEDOUT: 110,
  EDQUOT: 122,
  ECANCELED: 125,
} as const;

/**
 * The error for `result`, a negated errno, of what was tried: "cannot" and `action` begin its text.
 * Absence is no error of its own here: callers know whether an object or a pool is missing.
 */
export function radosError(action: string, result: number): CodedError {
  const code = codeOf.get(-result) ?? 'CEPH_FAILED';
  return new CodedError(code, `cannot ${action}: the cluster answered ${errnoName(-result)}`, {
    remedy: remedies[code] ?? 'Look at the status of the cluster and at its log, then repeat the call.',
  });
}

export function poolNotFound(pool: number | string): CodedError {
  const shown = typeof pool === 'number' ? `with number ${pool}` : pool;
  return new CodedError('POOL_NOT_FOUND', `the cluster has no pool ${shown}`, {
    remedy: 'Create the pool, or mend the pool in the storage class.',
  });
}

const codeOf: ReadonlyMap<number, Code> = new Map<number, Code>([
  [errno.EPERM, 'CEPH_DENIED'],
  [errno.EACCES, 'CEPH_DENIED'],
  [errno.ETIMEDOUT, 'CEPH_UNREACHABLE'],
  [errno.ENOSPC, 'STORAGE_FULL'],
  [errno.EDQUOT, 'STORAGE_FULL'],
  [errno.ESHUTDOWN, 'CEPH_BLOCKLISTED'],
]);

const remedies: Partial<Record<Code, string>> = {
  CEPH_DENIED:
    'Compare userID and userKey of the Secret with `ceph auth get`; the user needs `profile rbd` on the pool.',
  CEPH_UNREACHABLE: 'Look at `ceph status`, and at the network between this node and the monitors and OSDs.',
  STORAGE_FULL: 'Add OSDs or raise the quota of the pool; nothing was left half done.',
  CEPH_BLOCKLISTED: 'Repeat the call, which connects anew; if it stays, look at `ceph osd blocklist ls`.',
};

function errnoName(number: number): string {
  const known = Object.entries(errno).find(([, value]) => value === number);
  return known === undefined ? getSystemErrorName(-number) : known[0];
}
