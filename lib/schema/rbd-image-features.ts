// Features of RBD images: which there are, and what each needs.
import * as z from 'zod';
import type { Same } from './written-type';

/** Features of an RBD image that ceph-csi takes. */
const imageFeatures = ['layering', 'exclusive-lock', 'object-map', 'fast-diff', 'journaling', 'deep-flatten'] as const;

/** A feature of an RBD image. */
export type ImageFeature = 'layering' | 'exclusive-lock' | 'object-map' | 'fast-diff' | 'journaling' | 'deep-flatten';

true satisfies Same<ImageFeature, (typeof imageFeatures)[number]>;

/** The features as settings. */
export const featureList = z.array(z.enum(imageFeatures)).min(1);

/** The same as text: names with commas. */
export const featureText = z.codec(z.string(), featureList, {
  decode: (text) => text.split(',').map((feature) => feature.trim()) as ImageFeature[],
  encode: (list) => list.join(','),
});

const featureNeeds: Partial<Record<ImageFeature, ImageFeature>> = {
  'object-map': 'exclusive-lock',
  'fast-diff': 'object-map',
  journaling: 'exclusive-lock',
};

/** What is wrong with the features of images that are mapped so. */
export function* featureFaults(
  features: readonly ImageFeature[],
  mounter: 'rbd' | 'rbd-nbd' | undefined,
): Generator<readonly [message: string, remedy: string]> {
  for (const feature of features) {
    const needed = featureNeeds[feature];
    if (needed !== undefined && !features.includes(needed))
      yield [`has ${feature} without ${needed}`, `add ${needed}, or remove ${feature}`];
  }
  if (features.includes('journaling') && mounter !== 'rbd-nbd')
    yield ['has journaling, which the kernel cannot do', 'set mounter to "rbd-nbd"'];
}
