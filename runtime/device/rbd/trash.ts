/**
 * Removing images. An image whose clones still need its data cannot go: it waits in the trash of its pool, and later removals
 * take it along. Only what was put there by us is touched; what an administrator keeps in the trash stays.
 */
import { changeMetadata, imageIdOf, readImageHeader } from './image-header';
import type { ImageSpec } from './image-spec';
import type { ImageState } from './image-state';
import { readLineage } from './lineage';
import type { PoolHandle } from './pools';
import type { RbdCli } from './rbd-cli';

const removedMark = 'keyward.removed';
/** Snapshots that a copy makes and removes: of the name of an image of ours. */
const ownSnapshot = /.-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Each takes a command; the rest waits for the next removal. */
const sweptAtOnce = 10;

/** Moves the image to the trash, and out of it when nothing needs it. Repeatable. */
export async function discard(cli: RbdCli, { spec, pool, id, lineage }: ImageState): Promise<void> {
  for (const snapshot of lineage.snapshots.filter((each) => ownSnapshot.test(each))) {
    await cli.removeSnapshot(spec, snapshot);
  }
  await changeMetadata(pool.objects, id, { set: new Map([[removedMark, id]]) });
  await cli.moveToTrash(spec);
  if ((await readLineage(pool.objects, id))?.snapshots.length === 0) await cli.removeFromTrash(spec, id);
}

/** Removes what waits in the trash of the pool and is needed no more. */
export async function sweepTrash(cli: RbdCli, pool: PoolHandle, namespace: string): Promise<void> {
  let tried = 0;
  // Again while it helps: an image may have waited for one that itself waited.
  for (let helps = true; helps; ) {
    helps = false;
    for (const id of await trashed(pool)) {
      if (tried === sweptAtOnce) return;
      if (!(await isOurs(pool, id))) continue;
      if ((await readLineage(pool.objects, id))?.snapshots.length !== 0) continue;
      tried += 1;
      helps = (await cli.removeFromTrash({ pool: pool.name, namespace }, id)) || helps;
    }
  }
}

/** Internal ids. */
async function trashed(pool: PoolHandle): Promise<readonly string[]> {
  const entries = (await pool.objects.omap('rbd_trash', 'id_')) ?? new Map<string, Buffer>();
  return [...entries.keys()].map((key) => key.slice('id_'.length));
}

/** The image of this name, with what ceph-csi may have left beside it: a volume's clone was made by way of `NAME-temp`. */
export async function leftovers(pool: PoolHandle, spec: ImageSpec): Promise<readonly ImageSpec[]> {
  const temporary = { ...spec, image: `${spec.image}-temp` };
  return (await imageIdOf(pool.objects, temporary.image)) === undefined ? [] : [temporary];
}

/** A clone inherits the mark with the metadata of its source, but not the id in it. */
async function isOurs(pool: PoolHandle, id: string): Promise<boolean> {
  return (await readImageHeader(pool.objects, id))?.metadata.get(removedMark) === id;
}
