/** Images of a test, made and looked at with `rbd` and `rados` as administrator. */
import type { ImageRef } from '../../../runtime/device/back-end';
import { type FixtureOptions, type ImagesFixture, nameOf } from './images-fixture';

export const MiB = 1024 * 1024;
/** What {@link imageFacts} writes. */
export const text = 'what was written before the copy';

/** @param current The fixture, which a test file has from its `beforeAll` on. */
export function imageFacts(current: () => ImagesFixture) {
  const rbd = (args: readonly string[], input?: string) => current().ceph.rbd(args, input);
  const spec = (ref: ImageRef) => `kube/${nameOf(ref)}`;
  const info = async (ref: ImageRef) => JSON.parse(await rbd(['info', '--format', 'json', spec(ref)]));
  const trash = async (): Promise<{ name: string }[]> =>
    JSON.parse(await rbd(['trash', 'ls', '--format', 'json', 'kube']));
  return {
    spec,
    info,
    trash,
    inTrash: async (ref: ImageRef) => (await trash()).some(({ name }) => name === nameOf(ref)),
    snapshots: async (ref: ImageRef): Promise<{ name: string; namespace: { type: string } }[]> =>
      JSON.parse(await rbd(['snap', 'ls', '--all', '--format', 'json', spec(ref)])),
    content: async (ref: ImageRef) => (await rbd(['export', '--no-progress', spec(ref), '-'])).slice(0, text.length),
    /** As a kill inside `rbd create` leaves an image. */
    removeHeader: async (ref: ImageRef) =>
      current().ceph.rados(['-p', 'kube', 'rm', `rbd_header.${(await info(ref)).id}`]),
    newImage: async (options: FixtureOptions = {}, sizeBytes = 8 * MiB): Promise<ImageRef> => {
      const ref = current().newRef();
      await current().open(options).images.allocate(ref, sizeBytes);
      return ref;
    },
    writtenImage: async (): Promise<ImageRef> => {
      const ref = current().newRef();
      await rbd(['import', '--no-progress', '--image-format', '2', '-', spec(ref)], text.padEnd(8 * MiB, '\0'));
      return ref;
    },
  };
}
