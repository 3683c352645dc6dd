/** The images that the emitted pods of the driver name, built here: keyward's own, and one of each sidecar. */
import { join } from 'node:path';
import { defaultImages } from '../../lib/constructs/images';
import type { ToolName } from '../../tools/components';
import { requireTool } from '../../tools/ensure';
import type { Flavour } from '../../tools/image/contents';
import { defaultImageName } from '../../tools/image/default-name';
import { keywardImage } from '../../tools/image/keyward-image';
import { programImage } from '../../tools/image/program-image';
import { type Image, writeImage } from '../../tools/image/write-image';

const sidecars = [
  [defaultImages.provisioner, 'csi-provisioner'],
  [defaultImages.resizer, 'csi-resizer'],
  [defaultImages.snapshotter, 'csi-snapshotter'],
] as const satisfies readonly (readonly [string, ToolName])[];
const clusterSidecars = [...sidecars, [defaultImages.attacher, 'csi-attacher']] as const satisfies readonly (readonly [
  string,
  ToolName,
])[];

/** Components that the images are made of. */
export const driverImageComponents = sidecars.map(([, tool]) => tool);

/** The same of a driver whose volumes are images of Ceph. */
export const cephDriverImageComponents = clusterSidecars.map(([, tool]) => tool);

/**
 * Writes the archives into `folder`, under the names that the constructs give unless told otherwise. Downloads packages of Debian.
 * @param onProgress told what is done
 * @returns paths of the archives
 * @throws ToolError TOOL_NOT_PREPARED; ImageError
 */
export async function writeDriverImages(
  folder: string,
  flavour: Flavour = 'standard',
  onProgress: (what: string) => void = () => undefined,
): Promise<readonly string[]> {
  const own = await keywardImage({ flavour, name: defaultImageName(flavour), compression: 'none', onProgress });
  const images: readonly (readonly [string, Image])[] = [
    ['keyward', own.image],
    ...(flavour === 'ceph' ? clusterSidecars : sidecars).map(
      ([name, tool]) => [tool, programImage(name, requireTool(tool))] as const,
    ),
  ];
  const files: string[] = [];
  for (const [name, image] of images) {
    const file = join(folder, `${name}.tar`);
    onProgress(`writing ${image.name}`);
    await writeImage(image, file);
    files.push(file);
  }
  return files;
}
