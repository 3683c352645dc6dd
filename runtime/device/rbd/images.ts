/** Images of a Ceph cluster. What is only looked at is read from RADOS in process; what changes images is the `rbd` command's. */
import { CodedError, isCoded } from '../../errors';
import type { ImageRef, Images } from '../back-end';
import { type CopyDeps, copyImage, isCopy } from './copies';
import type { RbdDevices } from './devices';
import { differsFrom } from './image-features';
import type { ImageSpec } from './image-spec';
import { hasName, type ImageState, poolOf, readImageState } from './image-state';
import { discard, leftovers, sweepTrash } from './trash';
import { unwrittenByMap } from './unwritten';

export interface RbdImagesDeps extends CopyDeps {
  /** @throws CodedError VOLUME_NOT_FOUND, SNAPSHOT_NOT_FOUND. */
  locate(image: ImageRef): Promise<ImageSpec>;
  readonly devices: RbdDevices;
}

export class RbdImages implements Images {
  readonly copies = 'layers';
  readonly #deps: RbdImagesDeps;

  /** @param deps With `options` where a class says what new images are like: then one that exists must be like that. */
  constructor(deps: RbdImagesDeps) {
    this.#deps = deps;
  }

  /** @throws CodedError IMAGE_FOREIGN, STORAGE_FULL, POOL_NOT_FOUND, CEPH_*. */
  async allocate(image: ImageRef, sizeBytes: number): Promise<void> {
    const { cli, pools, options } = this.#deps;
    const spec = await this.#deps.locate(image);
    await this.#orFull(spec, async () => {
      const state = await readImageState(pools, spec);
      if (!state) return this.#create(spec, sizeBytes);
      if (options) requireOurs(state, sizeBytes, options.imageFeatures);
      if (state.header.sizeBytes < sizeBytes) await cli.resize(spec, sizeBytes);
    });
  }

  /** @throws CodedError SNAPSHOT_LIMIT, VOLUME_BUSY and those of {@link allocate}. */
  async copy(from: ImageRef, to: ImageRef): Promise<void> {
    const places = await Promise.all([from, to].map(async (ref) => ({ ref, spec: await this.#deps.locate(ref) })));
    const [source, target] = places as [(typeof places)[0], (typeof places)[0]];
    await this.#orFull(target.spec, () => copyImage(this.#deps, source, target));
  }

  async sizeBytes(image: ImageRef): Promise<number | undefined> {
    return (await this.#find(image))?.header.sizeBytes;
  }

  /** A copy counts as written, whatever its source is. */
  async isUnwritten(image: ImageRef): Promise<boolean | undefined> {
    const state = await this.#find(image);
    if (!state) return undefined;
    if (state.lineage.parent || isCopy(state)) return false;
    return (await unwrittenByMap(state)) ?? this.#deps.cli.isUnwritten(state.spec);
  }

  /** @throws CodedError VOLUME_NOT_FOUND, SNAPSHOT_NOT_FOUND, CEPH_*. */
  async reclaim(image: ImageRef): Promise<void> {
    await this.#deps.cli.sparsify(await this.#deps.locate(image));
  }

  async remove(image: ImageRef): Promise<void> {
    const { cli, pools } = this.#deps;
    const spec = await this.#locateIfAny(image);
    if (!spec) return;
    const pool = await poolOf(pools, spec);
    for (const each of [spec, ...(await leftovers(pool, spec))]) {
      const state = await readImageState(pools, each);
      if (!state) {
        if (await hasName(pool, each)) await cli.removeUnfinished(each);
        continue;
      }
      // The trash would take it all the same.
      const user = await this.#userOf(image, state);
      if (user !== undefined) throw inUse(image, user);
      await discard(cli, state);
    }
    await sweepTrash(cli, pool, spec.namespace);
  }

  async usedBy(image: ImageRef): Promise<string | undefined> {
    const state = await this.#find(image);
    return state && this.#userOf(image, state);
  }

  async withHeader<T>(image: ImageRef, action: (path: string) => Promise<T>): Promise<T> {
    const { devices } = this.#deps;
    const present = await devices.find(image.id);
    if (present !== undefined) return action(present);
    const device = await devices.attachImage(image);
    try {
      return await action(device);
    } finally {
      await devices.detach(image.id);
    }
  }

  async #create(spec: ImageSpec, sizeBytes: number): Promise<void> {
    const { cli, options = {} } = this.#deps;
    if (await cli.create(spec, sizeBytes, options)) return;
    // The name is taken by what has no header.
    await cli.removeUnfinished(spec);
    if (!(await cli.create(spec, sizeBytes, options))) throw busy(spec);
  }

  async #userOf(image: ImageRef, { pool, spec }: ImageState): Promise<string | undefined> {
    return (await this.#deps.devices.find(image.id)) ?? ((await pool.watchers(spec.image)).join(', ') || undefined);
  }

  async #find(image: ImageRef): Promise<ImageState | undefined> {
    const spec = await this.#locateIfAny(image);
    return spec && readImageState(this.#deps.pools, spec);
  }

  async #locateIfAny(image: ImageRef): Promise<ImageSpec | undefined> {
    try {
      return await this.#deps.locate(image);
    } catch (error) {
      if (isCoded(error, 'VOLUME_NOT_FOUND', 'SNAPSHOT_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /** In a full pool the command waits for its timeout; an operation of ours is told at once. */
  async #orFull(spec: ImageSpec, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (isCoded(error, 'CEPH_UNREACHABLE')) await requireRoom(this.#deps, spec);
      throw error;
    }
  }
}

/** @throws CodedError STORAGE_FULL. */
async function requireRoom({ pools, options }: RbdImagesDeps, { pool }: ImageSpec): Promise<void> {
  for (const name of [pool, ...(options?.dataPool === undefined ? [] : [options.dataPool])]) {
    const { objects } = await poolOf(pools, { pool: name });
    await objects.change('keyward.room', {});
    await objects.remove('keyward.room');
  }
}

/** A copy has the size and the features that its source had. */
function requireOurs(state: ImageState, sizeBytes: number, features: readonly string[] | undefined): void {
  if (state.lineage.parent || isCopy(state)) return;
  const { spec, header } = state;
  const larger = header.sizeBytes > sizeBytes && `has ${header.sizeBytes} bytes, not ${sizeBytes}`;
  const differing = features && differsFrom(header.features, features);
  const why = larger || (differing && `has ${differing}`);
  if (!why) return;
  throw new CodedError(
    'IMAGE_FOREIGN',
    `image ${spec.image} of pool ${spec.pool} ${why}: this driver did not make it`,
    {
      remedy: 'Rename or remove the image if nobody needs it, then repeat the call.',
    },
  );
}

function inUse({ kind, id }: ImageRef, user: string): CodedError {
  return new CodedError('VOLUME_IN_USE', `${kind} ${id} is in use by ${user}`, {
    remedy: 'Unstage it on its node first; of a node that died, the cluster forgets after 30 s.',
  });
}

function busy({ image }: ImageSpec): CodedError {
  return new CodedError('VOLUME_BUSY', `image ${image} is being made or removed by somebody else`, {
    remedy: 'Repeat the call.',
  });
}
