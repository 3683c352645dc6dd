// The part of the StorageClass parameters that says where and how the images of a Ceph cluster are made, in ceph-csi's
// spelling (v3.17): the same for keyward's driver and for ceph-csi's own.
import * as z from 'zod';
import { clusterId, filled } from './ceph-names';
import { decodeWith, defined, encodeWith } from './decode';
import { goBoolean, unsignedInteger } from './go-values';
import { featureFaults, featureList, featureText, type ImageFeature } from './rbd-image-features';
import type { Same } from './written-type';
import type { IssueParams } from './zod-issues';

/** What a class says of its images. */
export interface RbdParameters extends RbdMapping {
  /** The cluster: an entry of ceph-csi's own `config.json`. In a Rook cluster the namespace of the CephCluster. */
  readonly clusterId: string;
  /** Pool of the images; with `dataPool` of their metadata. */
  readonly pool: string;
  /**
   * Erasure-coded pool of the data.
   * @default - the data is in `pool`
   */
  readonly dataPool?: string;
  /**
   * RADOS namespace in the pool.
   * @default - that of the cluster's entry in ceph-csi's `config.json`
   */
  readonly radosNamespace?: string;
  /**
   * What the names of the images begin with.
   * @default csi-vol-
   */
  readonly volumeNamePrefix?: string;
  /**
   * Features of the images.
   * @default - those that the Ceph cluster gives
   */
  readonly imageFeatures?: readonly ImageFeature[];
  /**
   * Format of the images. They are of format 2 whatever this says; samples of Rook write it.
   * @default - not written
   */
  readonly imageFormat?: '2';
  /**
   * Bytes of a stripe. Needs `stripeCount`.
   * @default - that of the Ceph cluster
   */
  readonly stripeUnit?: number;
  /**
   * Objects that are striped over. Needs `stripeUnit`.
   * @default - that of the Ceph cluster
   */
  readonly stripeCount?: number;
  /**
   * Bytes of an object, a power of two from 4 KiB to 32 MiB.
   * @default - that of the Ceph cluster
   */
  readonly objectSize?: number;
}

/** How an image becomes a device of a node. */
export interface RbdMapping {
  /**
   * How the image is mapped: by the kernel, or by rbd-nbd.
   * @default - `rbd`, the kernel
   */
  readonly mounter?: 'rbd' | 'rbd-nbd';
  /**
   * Whether to fall back to rbd-nbd when the kernel lacks a feature of the image.
   * @default false
   */
  readonly tryOtherMounters?: boolean;
  /**
   * Options of the mapping, `krbd:a,b;nbd:c`; without a prefix for the kernel.
   * @default - none
   */
  readonly mapOptions?: string;
  /**
   * Options of the unmapping, in the same form.
   * @default - none
   */
  readonly unmapOptions?: string;
}

const objectSize = z.int().refine((size) => Number.isInteger(Math.log2(size)) && size >= 2 ** 12 && size <= 2 ** 25, {
  error: 'is not a power of two from 4096 to 33554432',
});

const sameInBoth = {
  pool: filled('the name of the pool'),
  dataPool: filled('the name of the pool').exactOptional(),
  radosNamespace: filled('the name of the namespace').exactOptional(),
  volumeNamePrefix: filled('the prefix').exactOptional(),
  imageFormat: z.literal('2').exactOptional(),
  mounter: z.enum(['rbd', 'rbd-nbd']).exactOptional(),
  mapOptions: filled('the options').exactOptional(),
  unmapOptions: filled('the options').exactOptional(),
} as const;

/** The settings, for a strict object; `rbdFaults` belongs to them. */
export const rbdSettings = {
  clusterId,
  ...sameInBoth,
  imageFeatures: featureList.exactOptional(),
  tryOtherMounters: z.boolean().exactOptional(),
  stripeUnit: z.int().positive().exactOptional(),
  stripeCount: z.int().positive().exactOptional(),
  objectSize: objectSize.exactOptional(),
} as const;

/** The same as StorageClass parameters. */
export const rbdWire = {
  clusterID: clusterId,
  ...sameInBoth,
  imageFeatures: featureText.exactOptional(),
  tryOtherMounters: goBoolean.exactOptional(),
  stripeUnit: unsignedInteger.exactOptional(),
  stripeCount: unsignedInteger.exactOptional(),
  objectSize: unsignedInteger.exactOptional(),
} as const;

/** What the fields of the settings contradict each other in. */
export function rbdFaults({ value, issues }: z.core.ParsePayload<RbdParameters>): void {
  for (const [path, message, remedy] of contradictions(value)) {
    const params: IssueParams = { remedy };
    issues.push({ code: 'custom', input: undefined, path: [path], message, params });
  }
}

const settings = z.strictObject(rbdSettings).check(rbdFaults);

true satisfies Same<RbdParameters, z.output<typeof settings>>;

const refused = (error: string, remedy: string) =>
  z
    .string()
    .refine(() => false, { error, params: { remedy } satisfies IssueParams })
    .exactOptional();

const wire = z.strictObject({
  ...rbdWire,
  imageNamePrefix: refused('is not a parameter of ceph-csi', 'write "volumeNamePrefix"'),
  topologyConstrainedPools: refused(
    'would let the zone of a pod choose the pool, which keyward does not do',
    'make one class for each pool, with "pool" and, where only some nodes reach it, allowedTopologies',
  ),
});

const parameters = z.codec(wire, settings, {
  decode: ({ clusterID, imageNamePrefix: _, topologyConstrainedPools: __, ...rest }) => ({
    clusterId: clusterID,
    ...rest,
  }),
  encode: ({ clusterId: clusterID, ...rest }) => ({ clusterID, ...rest }),
});

const subject = 'the StorageClass parameters';
const rbdKeys: readonly string[] = Object.keys(wire.shape);

/** Parameters of a class, in two parts. */
export interface SplitParameters {
  /** What concerns the image. */
  readonly rbd: RbdParameters;
  /** Every other key, for `decodeVolumeParameters`. */
  readonly others: Readonly<Record<string, string>>;
}

/** Reads what concerns the image. Throws a SchemaError. */
export function decodeRbdParameters(given: Readonly<Record<string, string>>): SplitParameters {
  const part = (own: boolean) =>
    Object.fromEntries(Object.entries(given).filter(([key]) => rbdKeys.includes(key) === own));
  return { rbd: decodeWith(parameters, part(true), subject), others: Object.freeze(part(false)) };
}

/** Writes what concerns the image. Throws a SchemaError that names the prop as the declaration has it. */
export function encodeRbdParameters(value: RbdParameters, of: string): Readonly<Record<string, string>> {
  const settled = decodeWith(settings, defined(value), of);
  return encodeWith(parameters, settled, of) as Readonly<Record<string, string>>;
}

const mapping = z.object({
  mounter: rbdWire.mounter,
  tryOtherMounters: rbdWire.tryOtherMounters,
  mapOptions: rbdWire.mapOptions,
  unmapOptions: rbdWire.unmapOptions,
});

/** Reads how a volume is mapped from its attributes, which ceph-csi may have written: whatever else they hold is passed over. */
export function decodeRbdMapping(attributes: Readonly<Record<string, string>>): RbdMapping {
  // To ceph-csi an empty option is none, and an attribute stays for the life of the volume.
  const filledIn = Object.fromEntries(Object.entries(attributes).filter(([, text]) => text !== ''));
  return decodeWith(mapping, filledIn, 'the attributes of the volume');
}

function* contradictions(it: RbdParameters): Generator<readonly [path: string, message: string, remedy: string]> {
  for (const [message, remedy] of featureFaults(it.imageFeatures ?? [], it.mounter))
    yield ['imageFeatures', message, remedy];
  if ((it.stripeUnit === undefined) !== (it.stripeCount === undefined))
    yield ['stripeUnit', 'and stripeCount need each other', 'give both, or neither'];
  if (it.stripeUnit !== undefined && it.objectSize !== undefined && it.objectSize % it.stripeUnit !== 0)
    yield ['stripeUnit', 'does not divide objectSize', 'an object holds whole stripes: choose a power of two below it'];
}
