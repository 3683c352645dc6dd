/**
 * The devices of images on this node. What is mapped is read from the kernel each time, by the number of the pool and the UUID
 * in the volume's id: finding and unmapping need neither a user of the cluster nor the cluster.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Serial } from '../../async/serial';
import { CodedError, isCoded } from '../../errors';
import type { Run } from '../../process/run';
import type { Devices, ImageRef } from '../back-end';
import { waitForNode } from './device-node';
import { decodeId } from './ids';
import type { ImageSpec } from './image-spec';
import { type ImageState, poolOf, readImageState } from './image-state';
import { type KernelMapping, Krbd } from './krbd';
import { notFound } from './locate';
import { parseMapOptions } from './map-options';
import { mapImage } from './mapper';
import { Nbd, type NbdMapping, type NbdRoots } from './nbd';
import type { Pools } from './pools';
import type { RbdCli } from './rbd-cli';
import type { RbdMappingOptions } from './rbd-options';

export interface RbdDevicesDeps {
  readonly run: Run;
  readonly cli: RbdCli;
  readonly pools: Pools;
  locate(image: ImageRef): Promise<ImageSpec>;
  readonly options: RbdMappingOptions;
  /** Of the whole process: the kernel would map an image twice. */
  readonly attaching: Serial;
  /** Others, for tests. */
  readonly roots?: NbdRoots;
}

type Mapping = { readonly kernel: KernelMapping } | { readonly nbd: NbdMapping };

const resizeWaitMs = 15_000;
const pollMs = 50;
const otherUserWaitMs = 5_000;
/** After 30 s the OSD forgets a client that is silent. */
const deadClientMs = 40_000;

export class RbdDevices implements Devices {
  readonly #deps: RbdDevicesDeps;
  readonly #krbd: Krbd;
  readonly #nbd: Nbd;

  constructor(deps: RbdDevicesDeps) {
    this.#deps = deps;
    this.#krbd = new Krbd(deps.run, deps.roots?.sysfs);
    this.#nbd = new Nbd(deps.run, deps.roots);
  }

  /** @throws CodedError VOLUME_NOT_FOUND and those of mapping. */
  attach(volumeId: string, signal?: AbortSignal): Promise<string> {
    return this.attachImage({ kind: 'volume', id: volumeId }, signal);
  }

  /** Like {@link attach}, for a snapshot too. */
  attachImage(image: ImageRef, signal?: AbortSignal): Promise<string> {
    return this.#deps.attaching.run(image.id, () => this.#attach(image, signal));
  }

  async find(id: string): Promise<string | undefined> {
    const usable = (await this.#mappings(id)).find((each) => 'kernel' in each || each.nbd.spec !== undefined);
    return usable && deviceOf(usable);
  }

  async refreshSize(volumeId: string): Promise<void> {
    const [mapping] = await this.#mappings(volumeId);
    if (!mapping) return;
    const state = await this.#stateIfAllowed({ kind: 'volume', id: volumeId });
    if (!state) {
      // The kernel follows a resize by itself; whether it has, the caller sees by the size of the device.
      if ('kernel' in mapping) await this.#krbd.refresh(mapping.kernel);
      return;
    }
    const until = performance.now() + resizeWaitMs;
    let isTold = false;
    while ((await this.#sizeBytes(mapping)) !== state.header.sizeBytes) {
      if (performance.now() > until) throw notResized(deviceOf(mapping));
      // Both learn it by themselves within a moment. Not so rbd-nbd of Ceph 16 on Linux 5.14 and later, where it omits a label
      // that the kernel then demands: the volume has its new size when it is staged anew.
      if (!isTold && 'kernel' in mapping) await this.#krbd.refresh(mapping.kernel);
      isTold = true;
      await sleep(pollMs);
    }
  }

  async detach(volumeId: string): Promise<void> {
    for (const mapping of await this.#mappings(volumeId)) await this.#unmap(mapping);
  }

  async #attach(image: ImageRef, signal?: AbortSignal): Promise<string> {
    const spec = await this.#deps.locate(image);
    const pool = await poolOf(this.#deps.pools, spec);
    // Asked beside the rest; awaited only where the image is to be mapped.
    const monitor = this.#deps.pools.reachMonitor();
    monitor.catch(() => undefined);
    const [state, present, watchers] = await Promise.all([
      this.#stateOf(image, spec),
      this.#mappings(image.id),
      pool.watchers(spec.image),
    ]);
    let isShutOut = false;
    for (const mapping of present) {
      if (isUsable(mapping, state, watchers)) return deviceOf(mapping);
      isShutOut ||= 'kernel' in mapping;
      await this.#unmap(mapping);
    }
    // A process of ours that died here has the image open for a while yet.
    if (present.length > 0) await this.#requireUnused(image, state, deadClientMs);
    else if (watchers.length > 0) await this.#requireUnused(image, state, otherUserWaitMs);
    // A kernel that has a client already asks for the newest map of the cluster, and waits for that without any timeout.
    await monitor;
    const request = { spec: state.spec, volumeId: image.id, ...(signal && { signal }) };
    const map = (apart: boolean) => mapImage(this.#deps.cli, this.#deps.options, { ...request, apart });
    const told = await map(isShutOut).catch((error: unknown) => {
      if (isShutOut || !isCoded(error, 'CEPH_BLOCKLISTED')) throw error;
      return map(true);
    });
    const device = await this.#requireMapped(image.id, told, state);
    await waitForNode(device);
    return device;
  }

  /**
   * Two nodes that mount one filesystem destroy it, and neither the kernel nor Ceph keeps them from it: an exclusive lock goes
   * to whoever writes next. Who only changes the image's header has it open for a moment.
   */
  async #requireUnused(image: ImageRef, { pool, spec }: ImageState, patienceMs: number): Promise<void> {
    for (const until = performance.now() + patienceMs; ; await sleep(pollMs)) {
      const watchers = await pool.watchers(spec.image);
      if (watchers.length === 0) return;
      if (performance.now() < until) continue;
      throw new CodedError('VOLUME_IN_USE', `${image.kind} ${image.id} is in use by ${watchers.join(', ')}`, {
        remedy: 'Unstage it on the node with that address; of a node that died, the cluster forgets after 30 s.',
      });
    }
  }

  /** What a command printed is not believed alone: a wrong device would be formatted. @param told Undefined: nothing was printed. */
  async #requireMapped(id: string, told: string | undefined, state: ImageState): Promise<string> {
    for (const mapping of await this.#mappings(id)) {
      const isOurs = 'nbd' in mapping ? told !== undefined : mapping.kernel.imageId === state.id;
      if (isOurs && (told === undefined || told === deviceOf(mapping))) return deviceOf(mapping);
    }
    throw new CodedError(
      'DEVICE_NOT_READY',
      `${told === undefined ? 'no device' : `not ${told}`} shows image ${state.spec.image} after it was mapped`,
      {
        remedy: 'Repeat the call; give the container /sys and the process numbers of the node (hostPID).',
      },
    );
  }

  async #state(image: ImageRef): Promise<ImageState> {
    return this.#stateOf(image, await this.#deps.locate(image));
  }

  async #stateOf(image: ImageRef, spec: ImageSpec): Promise<ImageState> {
    const state = await readImageState(this.#deps.pools, spec);
    if (!state) throw notFound(image);
    return state;
  }

  /** Undefined for a call without a user of the cluster: NodeExpandVolume has none with the classes of ceph-csi. */
  async #stateIfAllowed(image: ImageRef): Promise<ImageState | undefined> {
    try {
      return await this.#state(image);
    } catch (error) {
      if (isCoded(error, 'SECRET_MISSING')) return undefined;
      throw error;
    }
  }

  async #mappings(id: string): Promise<readonly Mapping[]> {
    const parts = decodeId(id);
    if (!parts) return [];
    const ending = `-${parts.uuid}`;
    const kernelMappings = this.#krbd.mappings((imageName) => imageName.endsWith(ending));
    const [kernel, nbd] = await Promise.all([kernelMappings, this.#nbd.mappings()]);
    return [
      ...kernel.filter(({ poolId }) => poolId === parts.poolId).map((each) => ({ kernel: each })),
      ...nbd.filter(({ cookie, spec }) => cookie === id || spec?.endsWith(ending)).map((each) => ({ nbd: each })),
    ];
  }

  #sizeBytes(mapping: Mapping): Promise<number | undefined> {
    return 'nbd' in mapping ? this.#nbd.sizeBytes(mapping.nbd) : this.#krbd.sizeBytes(mapping.kernel);
  }

  #unmap(mapping: Mapping): Promise<void> {
    const options = parseMapOptions(this.#deps.options.unmapOptions);
    return 'nbd' in mapping
      ? this.#nbd.unmap(mapping.nbd, options.nbd)
      : this.#krbd.unmap(mapping.kernel, options.krbd);
  }
}

/**
 * Left by a process that died, of an image that is gone, or of a client that the cluster shut out, and so has no watch on the
 * image any more: no use. Nothing is read to see that: it could wait without end, and hold the device meanwhile.
 */
function isUsable(mapping: Mapping, { id }: ImageState, watchers: readonly string[]): boolean {
  if ('nbd' in mapping) return mapping.nbd.spec !== undefined;
  const { imageId, clientAddress } = mapping.kernel;
  return imageId === id && watchers.includes(clientAddress);
}

function deviceOf(mapping: Mapping): string {
  return 'nbd' in mapping ? mapping.nbd.device : mapping.kernel.device;
}

function notResized(device: string): CodedError {
  return new CodedError('DEVICE_NOT_READY', `${device} has not taken the new size of its image`, {
    remedy: 'Repeat the call; if it stays, unstage the volume and stage it again.',
  });
}
