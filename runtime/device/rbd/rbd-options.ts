/** What a storage class or the configuration decides about images, their mapping and their copies. */

/** For new images. Each absent option is the cluster's own default. */
export interface RbdImageOptions {
  /** Holds the data, where that is another pool than the image's: an erasure-coded one. */
  readonly dataPool?: string;
  /** Names as in `rbd create --image-feature`. */
  readonly imageFeatures?: readonly string[];
  /** Bytes. */
  readonly stripeUnit?: number;
  readonly stripeCount?: number;
  /** Bytes. */
  readonly objectSize?: number;
}

export type Mounter = 'rbd' | 'rbd-nbd';

export interface RbdMappingOptions {
  readonly mounter: Mounter;
  /** Whether an image that the kernel cannot map is mapped with rbd-nbd instead. */
  readonly tryOtherMounters: boolean;
  /** As in the class: `krbd:a,b;nbd:c`; what has no prefix is for krbd. */
  readonly mapOptions?: string;
  readonly unmapOptions?: string;
  readonly mapTimeoutMs: number;
}

/** How long chains of copies may become, and how many snapshots an image may have; each costs every read and every map. */
export interface RbdLimits {
  /** Copies with more ancestors than this are made independent in the background. */
  readonly softDepth: number;
  /** A copy with more ancestors than this is not handed out before it is independent. */
  readonly hardDepth: number;
  /** From this many on, old copies of an image are made independent, which frees their snapshots. */
  readonly snapshotsToFlatten: number;
  /** With this many, an image is not copied. The kernel maps no image with more than 510. */
  readonly snapshotsAtMost: number;
}

export const defaultMapping: RbdMappingOptions = { mounter: 'rbd', tryOtherMounters: false, mapTimeoutMs: 60_000 };

/** As ceph-csi's deployment has them. */
export const defaultLimits: RbdLimits = {
  softDepth: 4,
  hardDepth: 8,
  snapshotsToFlatten: 250,
  snapshotsAtMost: 450,
};
