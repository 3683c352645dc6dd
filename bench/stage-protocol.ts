/** What the benchmark `stage` and its process of commands say to each other. */

/** Whose commands: ceph-csi's, or the least that the work can cost. */
export type Side = 'ceph-csi' | 'floor';

export type Work =
  /** Once, before all others. */
  | {
      readonly do: 'begin';
      readonly folder: string;
      readonly pool: string;
      readonly monitors: string;
      readonly userId: string;
      readonly userKey: string;
    }
  /** `first`: of an image on which nothing was ever written. */
  | { readonly do: 'first' | 'restage'; readonly side: Side; readonly image: string }
  /** Takes the stage back. */
  | { readonly do: 'unstage'; readonly image: string };

/** Duration of the whole, and of each command in it. */
export type Answer =
  | {
      readonly totalMs: number;
      readonly parts: readonly { readonly name: string; readonly durationMs: number }[];
    }
  | { readonly error: string };
