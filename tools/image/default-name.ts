import { cephImage, defaultImages } from '../../lib/constructs/images';
import type { Flavour } from './contents';

/** The name under which the declarations expect a flavour. */
export function defaultImageName(flavour: Flavour): string {
  return flavour === 'ceph' ? cephImage : defaultImages.keyward;
}
