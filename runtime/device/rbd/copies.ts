/**
 * Copies of images: a snapshot of the source and a clone of that. What ceph-csi leaves for a CSI snapshot is left here too:
 * an image `csi-snap-…` with a snapshot of its own name, from which restores are cloned.
 *
 * A clone that a kill interrupted looks like an image already before its data is tied to it, and removing the snapshot under
 * it would lose them. Hence the mark in its metadata, written when the command has succeeded: without it the clone is made anew.
 */
import { CodedError } from '../../errors';
import type { ImageRef } from '../back-end';
import type { Flattening } from './flattening';
import { changeMetadata } from './image-header';
import type { ImageSpec } from './image-spec';
import { type ImageState, readImageState } from './image-state';
import { depthOf } from './lineage';
import { notFound } from './locate';
import type { Pools } from './pools';
import type { RbdCli } from './rbd-cli';
import type { RbdImageOptions, RbdLimits } from './rbd-options';
import { discard } from './trash';

/** Its value is the internal id of the copy: a clone inherits the metadata of its source, and with it a mark of that. */
const mark = 'keyward.copy';
/** What an image needs that is only there to be cloned from; deep-flatten makes its own snapshot independent as well. */
const snapshotFeatures = ['layering', 'deep-flatten'];

export interface CopyDeps {
  readonly cli: RbdCli;
  readonly pools: Pools;
  readonly flattening: Flattening;
  readonly options?: RbdImageOptions;
  readonly limits: RbdLimits;
}

export interface Place {
  readonly ref: ImageRef;
  readonly spec: ImageSpec;
}

export function isCopy({ id, header }: ImageState): boolean {
  return header.metadata.get(mark) === id;
}

/** @throws CodedError VOLUME_NOT_FOUND, SNAPSHOT_NOT_FOUND, SNAPSHOT_LIMIT, VOLUME_BUSY while the copy is made independent. */
export async function copyImage(deps: CopyDeps, from: Place, to: Place): Promise<void> {
  const present = await readImageState(deps.pools, to.spec);
  if (!present || !isCopy(present)) {
    if (present) await discard(deps.cli, present);
    await cloneImage(deps, from, to);
  }
  const copy = await readImageState(deps.pools, to.spec);
  if (!copy) throw notFound(to.ref);
  if (to.ref.kind === 'snapshot' && !copy.lineage.snapshots.includes(to.spec.image)) {
    await deps.cli.createSnapshot(to.spec, to.spec.image);
  }
  if (from.ref.kind === 'volume') await removeSnapshotIfAny(deps, from.spec, to.spec.image);
  await limitDepth(deps, to, copy);
}

async function cloneImage(deps: CopyDeps, from: Place, to: Place): Promise<void> {
  const source = await readImageState(deps.pools, from.spec);
  if (!source) throw notFound(from.ref);
  const snapshot = from.ref.kind === 'snapshot' ? from.spec.image : to.spec.image;
  if (!source.lineage.snapshots.includes(snapshot)) {
    // Of a CSI snapshot it is what was promised to stay as it is: never made late.
    if (from.ref.kind === 'snapshot') throw notFound(from.ref);
    await requireRoomForSnapshot(deps, source);
    await deps.cli.createSnapshot(from.spec, snapshot);
  }
  const clone = () => deps.cli.clone(from.spec, snapshot, to.spec, cloneOptions(deps.options, to.ref));
  if (!(await clone())) {
    // The name is taken by what has no header.
    await deps.cli.removeUnfinished(to.spec);
    await clone();
  }
  const copy = await readImageState(deps.pools, to.spec);
  if (!copy?.lineage.parent) throw notFound(to.ref);
  await changeMetadata(copy.pool.objects, copy.id, { set: new Map([[mark, copy.id]]) });
}

/** A clone takes features and object size of its source where nothing is asked for. */
function cloneOptions(options: RbdImageOptions = {}, to: ImageRef): RbdImageOptions {
  if (to.kind === 'volume') return options;
  return { ...(options.dataPool !== undefined && { dataPool: options.dataPool }), imageFeatures: snapshotFeatures };
}

async function removeSnapshotIfAny(deps: CopyDeps, image: ImageSpec, snapshot: string): Promise<void> {
  const state = await readImageState(deps.pools, image);
  if (state?.lineage.snapshots.includes(snapshot)) await deps.cli.removeSnapshot(image, snapshot);
}

/** Removed snapshots count: they live on for their clones, until these are independent. */
async function requireRoomForSnapshot({ cli, flattening, limits }: CopyDeps, source: ImageState): Promise<void> {
  const count = source.lineage.snapshots.length;
  if (count < limits.snapshotsToFlatten) return;
  const children = await cli.children(source.spec);
  for (const child of children.slice(0, count - limits.snapshotsToFlatten + 1)) flattening.start(cli, child);
  if (count < limits.snapshotsAtMost) return;
  throw new CodedError('SNAPSHOT_LIMIT', `image ${source.spec.image} has ${count} snapshots`, {
    remedy:
      'Its oldest copies are being made independent: repeat the call later, or delete snapshots and clones of it.',
  });
}

async function limitDepth({ cli, pools, flattening, limits }: CopyDeps, to: Place, copy: ImageState): Promise<void> {
  const depth = await depthOf(pools, copy.pool, to.spec.namespace, copy.id);
  if (depth <= limits.softDepth) return;
  flattening.start(cli, to.spec);
  if (depth <= limits.hardDepth) return;
  throw new CodedError('VOLUME_BUSY', `image ${to.spec.image} is being made independent of ${depth} ancestors`, {
    remedy: 'Repeat the call until it has ended.',
  });
}
