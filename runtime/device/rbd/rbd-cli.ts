/**
 * The `rbd` command: one short method a verb. It needs no ceph.conf, and the key of the user goes in by standard input. All
 * that can be read without it is read in process (image-header.ts): a start of it costs 50 to 150 ms.
 */
import { Semaphore } from '../../async/semaphore';
import type { KernelCalls } from '../../process/kernel-thread';
import type { Run, RunOptions, RunResult } from '../../process/run';
import type { Secret } from '../../secret';
import { type ImageSpec, specText } from './image-spec';
import { type DirectMap, mapDirectly } from './krbd-map';
import { withMemoryFile } from './memory-file';
import { endedWith, exit, rbdError } from './rbd-errors';
import type { Mounter, RbdImageOptions } from './rbd-options';

export interface CephAccess {
  /** As in ceph-csi's config.json: `address:port`. */
  readonly monitors: readonly string[];
  /** Without `client.`. */
  readonly userId: string;
  readonly userKey: Secret;
}

export interface RbdCliOptions {
  /** For connecting. @default 15,000 */
  readonly connectTimeoutMs?: number;
  /** Saves the command where an image is mapped. */
  readonly kernel?: KernelCalls;
  /** For each single operation of an OSD: a full pool makes them wait without end. @default 30,000 */
  readonly operationTimeoutMs?: number;
}

/** A command that only changes headers. */
const shortMs = 2 * 60_000;
/** For a command to tell by itself that its own timeout has passed. */
const graceMs = 5_000;
/** One that visits every object of the image. */
const longMs = 6 * 60 * 60_000;
/** Of the whole process: a command takes 10 to 20 MB, and a node's or a namespace's volumes may come all at once. */
const places = { short: new Semaphore(6), long: new Semaphore(4) };

/** Each method throws CodedError CEPH_*, POOL_NOT_FOUND, STORAGE_FULL, TOOL_*, ABORTED besides what it names. */
export class RbdCli {
  readonly #run: Run;
  readonly #access: () => Promise<CephAccess>;
  readonly #options: RbdCliOptions;
  readonly #timeouts: readonly string[];

  /** @param access Asked for at each use: a call that only looks at this node may have none. */
  constructor(run: Run, access: () => Promise<CephAccess>, options: RbdCliOptions = {}) {
    this.#run = run;
    this.#access = access;
    this.#options = options;
    const { connectTimeoutMs = 15_000, operationTimeoutMs = 30_000 } = options;
    const seconds = (ms: number) => String(Math.ceil(ms / 1000));
    this.#timeouts = [
      `--client-mount-timeout=${seconds(connectTimeoutMs)}`,
      `--rados-mon-op-timeout=${seconds(connectTimeoutMs)}`,
      `--rados-osd-op-timeout=${seconds(operationTimeoutMs)}`,
    ];
  }

  /** For work that outlives the call whose secret the key is. */
  async withOwnKey(action: (cli: RbdCli) => Promise<void>): Promise<void> {
    const access = await this.#access();
    using userKey = access.userKey.copy();
    await action(new RbdCli(this.#run, () => Promise.resolve({ ...access, userKey }), this.#options));
  }

  /** False: there is an image of that name. */
  create(image: ImageSpec, sizeBytes: number, options: RbdImageOptions): Promise<boolean> {
    const args = ['create', '--size', `${sizeBytes}B`, ...imageArguments(options), specText(image)];
    return unless(exit.EEXIST, this.#execute(`create the image ${specText(image)}`, args));
  }

  async resize(image: ImageSpec, sizeBytes: number): Promise<void> {
    const args = ['resize', '--no-progress', '--size', `${sizeBytes}B`, specText(image)];
    await this.#execute(`resize the image ${specText(image)}`, args);
  }

  async createSnapshot(image: ImageSpec, snapshot: string): Promise<void> {
    const spec = specText(image, snapshot);
    await unless(exit.EEXIST, this.#execute(`make the snapshot ${spec}`, ['snap', 'create', '--no-progress', spec]));
  }

  /** One with clones stays, out of sight, until the last of them is gone or independent. */
  async removeSnapshot(image: ImageSpec, snapshot: string): Promise<void> {
    const spec = specText(image, snapshot);
    await unless(exit.ENOENT, this.#execute(`remove the snapshot ${spec}`, ['snap', 'rm', '--no-progress', spec]));
  }

  /**
   * A clone whose snapshot needs no protection and can be removed before it (clone v2, Ceph 13). False: there is an image of
   * that name. @throws CodedError VOLUME_NOT_FOUND (source).
   */
  clone(from: ImageSpec, snapshot: string, to: ImageSpec, options: RbdImageOptions): Promise<boolean> {
    const version = '--rbd-default-clone-format=2';
    const args = ['clone', version, ...imageArguments(options), specText(from, snapshot), specText(to)];
    return unless(exit.EEXIST, this.#execute(`clone ${specText(from, snapshot)}`, args));
  }

  /** Copies everything that the image shares with its ancestors. @throws CodedError VOLUME_NOT_FOUND. */
  async flatten(image: ImageSpec): Promise<void> {
    await this.#execute(`flatten the image ${specText(image)}`, ['flatten', '--no-progress', specText(image)], longMs);
  }

  /**
   * Frees extents of zeros, object by object, each at once where it is kept: a client that has the image open hands over its
   * lock for that, and goes on. @throws CodedError VOLUME_NOT_FOUND.
   */
  async sparsify(image: ImageSpec): Promise<void> {
    const args = ['sparsify', '--no-progress', specText(image)];
    await this.#execute(`sparsify the image ${specText(image)}`, args, longMs);
  }

  /** The images that were cloned from this one. */
  async children(image: ImageSpec): Promise<readonly ImageSpec[]> {
    const args = ['children', '--all', '--format', 'json', specText(image)];
    const { stdout } = await this.#execute(`list the clones of ${specText(image)}`, args);
    const found: readonly { pool: string; pool_namespace: string; image: string; trash: boolean }[] =
      JSON.parse(stdout);
    return found.flatMap(({ pool, pool_namespace: namespace, image, trash }) =>
      trash ? [] : [{ pool, namespace, image }],
    );
  }

  /** Whether no object of the image exists. Visits them all where the image has no fast-diff. */
  async isUnwritten(image: ImageSpec): Promise<boolean> {
    const args = ['diff', '--whole-object', specText(image)];
    return (await this.#execute(`look for data in ${specText(image)}`, args, longMs)).stdout.trim() === '';
  }

  /** For an image without a header, as a kill inside {@link create} leaves it: no other verb takes it. */
  async removeUnfinished(image: ImageSpec): Promise<void> {
    const removal = this.#execute(`remove what is left of ${specText(image)}`, [
      'rm',
      '--no-progress',
      specText(image),
    ]);
    await unless(exit.ENOENT, removal);
  }

  async moveToTrash(image: ImageSpec): Promise<void> {
    await unless(exit.ENOENT, this.#execute(`move ${specText(image)} to the trash`, ['trash', 'mv', specText(image)]));
  }

  /** False: it stays for now, because of its snapshots or of who has it open. */
  removeFromTrash({ pool, namespace }: Omit<ImageSpec, 'image'>, imageId: string): Promise<boolean> {
    const spec = specText({ pool, namespace, image: imageId });
    const removal = this.#execute(`remove ${spec} from the trash`, ['trash', 'rm', '--no-progress', spec], longMs);
    return unless(exit.EBUSY, unless(exit.ENOTEMPTY, removal)).catch((error: unknown) => {
      // Another sweep was quicker.
      if (endedWith(error, exit.ENOENT)) return true;
      throw error;
    });
  }

  /** As {@link mapDirectly}; false also where nothing can call the kernel. */
  async mapDirectly(request: Omit<DirectMap, 'access'>): Promise<boolean> {
    const { kernel } = this.#options;
    return kernel !== undefined && mapDirectly(kernel, { ...request, access: await this.#access() });
  }

  /** Maps an image as `args` say and gives the path of its device. @throws ToolError, for the caller to read; TOOL_*, ABORTED. */
  async map(
    tool: Mounter,
    args: readonly string[],
    limits: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<string> {
    const access = await this.#access();
    const timeout = `--client-mount-timeout=${Math.ceil(limits.timeoutMs / 1000)}`;
    // The monitors' own settings concern librbd, and asking for them is a connection of its own.
    const run = (keyFile: string, input: RunOptions) =>
      places.short.run(
        () =>
          this.#run(tool, [...connection(access, keyFile), '--no-mon-config', timeout, ...args], {
            ...input,
            ...limits,
            timeoutMs: limits.timeoutMs + graceMs,
          }),
        limits.signal,
      );
    // rbd-nbd knows no '-', and opens the file more than once.
    const { stdout } = await (tool === 'rbd'
      ? run('-', { stdin: [access.userKey] })
      : withMemoryFile(access.userKey, (stdinFile) => run('/proc/self/fd/0', { stdinFile })));
    return stdout.trim();
  }

  async #execute(action: string, args: readonly string[], timeoutMs = shortMs): Promise<RunResult> {
    try {
      const access = await this.#access();
      const all = [...connection(access), ...this.#timeouts, ...args];
      const place = timeoutMs > shortMs ? places.long : places.short;
      return await place.run(() => this.#run('rbd', all, { stdin: [access.userKey], timeoutMs }));
    } catch (error) {
      throw rbdError(error, action);
    }
  }
}

function connection({ monitors, userId }: CephAccess, keyFile = '-'): readonly string[] {
  return ['-c', '/dev/null', '--id', userId, '-m', monitors.join(','), `--keyfile=${keyFile}`];
}

function imageArguments({ dataPool, imageFeatures, stripeUnit, stripeCount, objectSize }: RbdImageOptions): string[] {
  return [
    ...(dataPool === undefined ? [] : ['--data-pool', dataPool]),
    ...(imageFeatures === undefined ? [] : ['--image-feature', imageFeatures.join(',')]),
    ...(stripeUnit === undefined ? [] : ['--stripe-unit', `${stripeUnit}B`]),
    ...(stripeCount === undefined ? [] : ['--stripe-count', String(stripeCount)]),
    ...(objectSize === undefined ? [] : ['--object-size', `${objectSize}B`]),
  ];
}

/** True when the command succeeds, false when it ends with this exit code. */
async function unless(exitCode: number, command: Promise<unknown>): Promise<boolean> {
  try {
    const result = await command;
    return result !== false;
  } catch (error) {
    if (endedWith(error, exitCode)) return false;
    throw error;
  }
}
