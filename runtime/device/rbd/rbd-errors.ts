/**
 * What a failure of `rbd` or `rbd-nbd` means. The exit code is the errno of the cluster's or the kernel's answer; the text,
 * in the C locale, tells the few apart that have the same number. Facts from Ceph 16 to 19.
 */
import { type Code, CodedError } from '../../errors';
import { ToolError } from '../../process/run';

export const exit = {
  EPERM: 1,
  ENOENT: 2,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  ENOSPC: 28,
  ENOTEMPTY: 39,
  ESHUTDOWN: 108,
  ETIMEDOUT: 110,
  EDQUOT: 122,
} as const;

/** @param action What was tried, after "cannot". Anything that is no failed exit is given back as it is. */
export function rbdError(error: unknown, action: string): unknown {
  if (!(error instanceof ToolError)) return error;
  const code = codeFor(error);
  return new CodedError(code, `cannot ${action}: ${messageOf(error)}`, {
    remedy: remedies[code] ?? 'Look at the status of the cluster and at its log, then repeat the call.',
    cause: error,
  });
}

/** Whether `rbd` ended with one of these exit codes; for errors of {@link rbdError}. */
export function endedWith(error: unknown, ...codes: number[]): boolean {
  return error instanceof CodedError && error.cause instanceof ToolError && codes.includes(error.cause.exitCode);
}

/** The lines that the command itself wrote, without those of the libraries under it; or what killed it. */
export function messageOf({ stderr, exitCode }: ToolError): string {
  const own = stderr.split('\n').flatMap((line) => {
    const [, said, killed] = /^(?:rbd|rbd-nbd): (.*)$|^(killed by \w+)$/.exec(line.trim()) ?? [];
    return said ?? killed ?? [];
  });
  return own.join('; ').slice(0, 300) || `exit code ${exitCode}`;
}

function codeFor({ exitCode, stderr }: ToolError): Code {
  if (exitCode === exit.EPERM) return /\(1\) Operation not permitted/.test(stderr) ? 'CEPH_DENIED' : 'CEPH_FAILED';
  if (
    exitCode === exit.ENOENT &&
    /error opening pool|namespace '.*' does not exist|data pool .* does not exist/.test(stderr)
  )
    return 'POOL_NOT_FOUND';
  return codeOf.get(exitCode) ?? 'CEPH_FAILED';
}

const codeOf: ReadonlyMap<number, Code> = new Map<number, Code>([
  [exit.ENOENT, 'VOLUME_NOT_FOUND'],
  [exit.EACCES, 'CEPH_DENIED'],
  [exit.EBUSY, 'VOLUME_IN_USE'],
  [exit.ENOSPC, 'STORAGE_FULL'],
  [exit.EDQUOT, 'STORAGE_FULL'],
  [exit.ESHUTDOWN, 'CEPH_BLOCKLISTED'],
  [exit.ETIMEDOUT, 'CEPH_UNREACHABLE'],
]);

const remedies: Partial<Record<Code, string>> = {
  POOL_NOT_FOUND: 'Create the pool and the namespace, or mend them in the storage class and in the list of clusters.',
  VOLUME_NOT_FOUND: 'Check the id; the image may have been deleted.',
  VOLUME_IN_USE: 'Unstage it on its node first; of a node that died, the cluster forgets after 30 s.',
  CEPH_DENIED:
    'Compare userID and userKey of the Secret with `ceph auth get`; the user needs `profile rbd` on the pool.',
  CEPH_UNREACHABLE: 'Look at `ceph status`, and at the network between this node and the monitors and OSDs.',
  CEPH_BLOCKLISTED: 'See `ceph osd blocklist ls`; what fenced this client has to release it.',
  STORAGE_FULL: 'Add OSDs or raise the quota of the pool; nothing was left half done.',
};
