// StorageClass parameters of ceph-csi's RBD driver for an encrypted class, in its spelling (ceph-csi v3.17). What the driver
// would silently ignore, or grade as invalid and do all the same, is refused here.
import * as z from 'zod';
import {
  type CephCsiEncryption,
  decodeEncryption,
  encodeEncryption,
  encryption,
  encryptionWire,
} from './ceph-csi-encryption';
import { decodeWith, defined, encodeWith } from './decode';
import { goBoolean, unsignedInteger } from './go-values';
import type { Same } from './written-type';
import type { IssueParams } from './zod-issues';

/** Features of an RBD image that ceph-csi takes. */
const imageFeatures = ['layering', 'exclusive-lock', 'object-map', 'fast-diff', 'journaling', 'deep-flatten'] as const;

/** A feature of an RBD image. */
export type ImageFeature = 'layering' | 'exclusive-lock' | 'object-map' | 'fast-diff' | 'journaling' | 'deep-flatten';

true satisfies Same<ImageFeature, (typeof imageFeatures)[number]>;

/** What a class says of its images and of their encryption. */
export interface CephCsiParameters {
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
   * Format of the images. ceph-csi makes format 2 whatever this says; samples of Rook write it.
   * @default - not written
   */
  readonly imageFormat?: '2';
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
  /**
   * Arguments of mkfs, separated by blanks; they replace the driver's own.
   * @default - the driver's own
   */
  readonly mkfsOptions?: string;
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
   * Bytes of an object, a power of two.
   * @default - that of the Ceph cluster
   */
  readonly objectSize?: number;
  /** How the volumes are encrypted. */
  readonly encryption: CephCsiEncryption;
}

const filled = (what: string) =>
  z.string().refine((text) => text.trim() === text && text !== '', {
    error: 'is empty, or has blanks around it',
    params: { remedy: `write ${what}, or leave the key out: ceph-csi refuses an empty one` } satisfies IssueParams,
  });

const clusterId = filled('the id of the cluster').refine((id) => Buffer.byteLength(id) <= 36, {
  error: 'is longer than 36 bytes',
  params: {
    remedy: 'it becomes part of every volume id, which has 128 bytes: choose a shorter one',
  } satisfies IssueParams,
});
const powerOfTwo = z.int().refine((size) => size > 0 && Number.isInteger(Math.log2(size)), {
  error: 'is not a power of two',
});

const shared = {
  pool: filled('the name of the pool'),
  dataPool: filled('the name of the pool').exactOptional(),
  radosNamespace: filled('the name of the namespace').exactOptional(),
  volumeNamePrefix: filled('the prefix').exactOptional(),
  imageFormat: z.literal('2').exactOptional(),
  mounter: z.enum(['rbd', 'rbd-nbd']).exactOptional(),
  mapOptions: filled('the options').exactOptional(),
  unmapOptions: filled('the options').exactOptional(),
  mkfsOptions: filled('the arguments').exactOptional(),
} as const;

const features = z.array(z.enum(imageFeatures)).min(1);

const settings = z
  .strictObject({
    clusterId,
    ...shared,
    imageFeatures: features.exactOptional(),
    tryOtherMounters: z.boolean().exactOptional(),
    stripeUnit: z.int().positive().exactOptional(),
    stripeCount: z.int().positive().exactOptional(),
    objectSize: powerOfTwo.exactOptional(),
    encryption,
  })
  .check(({ value, issues }) => {
    for (const [path, message, remedy] of contradictions(value as CephCsiParameters)) {
      const params: IssueParams = { remedy };
      issues.push({ code: 'custom', input: undefined, path: [path], message, params });
    }
  });

const wire = z.strictObject({
  clusterID: clusterId,
  ...shared,
  imageFeatures: z
    .codec(z.string(), features, {
      decode: (text) => text.split(',').map((feature) => feature.trim()) as ImageFeature[],
      encode: (list) => list.join(','),
    })
    .exactOptional(),
  tryOtherMounters: goBoolean.exactOptional(),
  stripeUnit: unsignedInteger.exactOptional(),
  stripeCount: unsignedInteger.exactOptional(),
  objectSize: unsignedInteger.exactOptional(),
  ...encryptionWire,
});

const parameters = z.codec(wire, settings, {
  decode: ({ clusterID, ...rest }) => {
    const { own, others } = decodeEncryption(rest);
    return { clusterId: clusterID, ...others, encryption: own };
  },
  encode: ({ clusterId: clusterID, encryption: own, ...rest }) => ({ clusterID, ...rest, ...encodeEncryption(own) }),
});

/** Reads the parameters of a class, without those of the sidecars (`csi.storage.k8s.io/…`). */
export function decodeCephCsiParameters(given: Readonly<Record<string, string>>): CephCsiParameters {
  return decodeWith(parameters, given, 'the StorageClass parameters') as CephCsiParameters;
}

/** Writes the parameters of a class. Throws a SchemaError for what ceph-csi would refuse, ignore or do wrongly. */
export function encodeCephCsiParameters(value: CephCsiParameters, subject: string): Readonly<Record<string, string>> {
  // Before the codec, so that an error names the prop as the declaration has it.
  const settled = decodeWith(settings, defined(value), subject);
  return encodeWith(parameters, settled, subject) as Readonly<Record<string, string>>;
}

const featureNeeds: Partial<Record<ImageFeature, ImageFeature>> = {
  'object-map': 'exclusive-lock',
  'fast-diff': 'object-map',
  journaling: 'exclusive-lock',
};

function* contradictions(it: CephCsiParameters): Generator<readonly [path: string, message: string, remedy: string]> {
  for (const feature of it.imageFeatures ?? []) {
    const needed = featureNeeds[feature];
    if (needed !== undefined && !it.imageFeatures?.includes(needed))
      yield ['imageFeatures', `has ${feature} without ${needed}`, `add ${needed}, or remove ${feature}`];
  }
  if (it.imageFeatures?.includes('journaling') && it.mounter !== 'rbd-nbd')
    yield ['imageFeatures', 'has journaling, which the kernel cannot do', 'set mounter to "rbd-nbd"'];
  if ((it.stripeUnit === undefined) !== (it.stripeCount === undefined))
    yield ['stripeUnit', 'and stripeCount need each other', 'give both, or neither'];
}
