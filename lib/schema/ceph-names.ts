// Names of Ceph as ceph-csi takes them: text that is not empty, and an id that fits into the ids of volumes.
import * as z from 'zod';
import type { IssueParams } from './zod-issues';

/** Text without blanks around it. ceph-csi refuses an empty value where it would take the missing key. */
export const filled = (what: string) =>
  z.string().refine((text) => text.trim() === text && text !== '', {
    error: 'is empty, or has blanks around it',
    params: { remedy: `write ${what}, or leave the key out: ceph-csi refuses an empty one` } satisfies IssueParams,
  });

/** The id of a cluster: an entry of ceph-csi's `config.json`. */
export const clusterId = filled('the id of the cluster').refine((id) => Buffer.byteLength(id) <= 36, {
  error: 'is longer than 36 bytes',
  params: {
    remedy: 'it becomes part of every volume id, which has 128 bytes: choose a shorter one',
  } satisfies IssueParams,
});
