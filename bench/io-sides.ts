/** What the benchmark `io` measures on what. */

export const ioWorkloads = ['seq write', 'seq read', 'rand write', 'rand read'] as const;
export type IoWorkload = (typeof ioWorkloads)[number];

/** The last three are candidates for the defaults of `keyward`. */
export const ioSides = [
  'raw device',
  'ceph-csi',
  'keyward',
  'keyward, no read queue',
  'keyward, no write queue',
  'keyward, no queues',
] as const;
export type IoSide = (typeof ioSides)[number];

/** Bytes a second. */
export type IoSamples = Partial<Record<`${IoWorkload}: ${IoSide}`, readonly number[]>>;
