/** Images of the loop back end: sparse files `images/<kind>s/<id>.img`. */
import { constants, copyFile, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Serial } from '../../async/serial';
import { CodedError, isErrno } from '../../errors';
import { syncFolder } from '../../files/durable-file';
import { type Run, ToolError } from '../../process/run';
import type { ImageRef, Images } from '../back-end';
import { availableBytes, requireRoom } from './capacity';
import { nodeHashOf } from './ids';
import type { LoopDevices } from './loop-devices';
import { notFound } from './records';

/** A copy of many gibibytes takes its time. */
const copyTimeoutMs = 6 * 60 * 60 * 1000;
/** A copy that nobody has written to for so long is left over from a crash. */
const abandonedAfterMs = 60 * 60 * 1000;
const unfinished = '.new';

/** File systems that count a block as soon as it is written: ext4, xfs, tmpfs, btrfs, hostfs, overlayfs. */
const countsBlocks = new Set([0xef53, 0x58465342, 0x01021994, 0x9123683e, 0x00c0ffee, 0x794c7630]);

export interface FileImagesDeps {
  readonly directory: string;
  readonly capacityBytes?: number;
  readonly run: Run;
  readonly devices: LoopDevices;
}

export class FileImages implements Images {
  readonly copies = 'bytes';
  readonly #deps: FileImagesDeps;
  /** One promise of room at a time, or two calls would be promised the same. */
  readonly #room = new Serial();
  /** What copies under way will take. Their growing files count besides, which errs on the safe side. */
  #copying = 0;

  constructor(deps: FileImagesDeps) {
    this.#deps = deps;
  }

  /** Where the image is, whether it exists or not. @throws CodedError VOLUME_NOT_FOUND, SNAPSHOT_NOT_FOUND for text that is no id. */
  path({ kind, id }: ImageRef): string {
    if (nodeHashOf(id) === undefined) throw notFound(kind, id);
    return join(imageFolder(this.#deps.directory, kind), `${id}.img`);
  }

  async allocate(image: ImageRef, sizeBytes: number): Promise<void> {
    const path = this.path(image);
    await this.#room.run('', async () => {
      const present = (await sizeOf(path)) ?? 0;
      if (present >= sizeBytes) return;
      requireRoom(sizeBytes - present, await this.availableBytes());
      const file = await open(path, 'a', 0o600);
      try {
        await file.truncate(sizeBytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await syncFolder(dirname(path));
    });
  }

  async copy(from: ImageRef, to: ImageRef, signal?: AbortSignal): Promise<void> {
    const source = this.path(from);
    const target = this.path(to);
    if ((await sizeOf(target)) !== undefined) return;
    const temporary = `${target}${unfinished}`;
    const promised = await this.#room.run('', async () => {
      const sizeBytes = await sizeOf(source);
      if (sizeBytes === undefined) throw notFound(from.kind, from.id);
      await rm(temporary, { force: true });
      requireRoom(sizeBytes, await this.availableBytes());
      this.#copying += sizeBytes;
      return sizeBytes;
    });
    try {
      await this.#copyBytes(source, temporary, signal);
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      this.#copying -= promised;
    }
    await syncFolder(dirname(target));
  }

  sizeBytes(image: ImageRef): Promise<number | undefined> {
    return nodeHashOf(image.id) === undefined ? Promise.resolve(undefined) : sizeOf(this.path(image));
  }

  /**
   * The file system has no block of the file. Also true after everything was discarded; what was there is gone then,
   * but that it was there is known only from the record.
   */
  async isUnwritten(image: ImageRef): Promise<boolean | undefined> {
    if ((await this.sizeBytes(image)) === undefined) return undefined;
    const path = this.path(image);
    if (!countsBlocks.has((await statfs(dirname(path))).type)) return undefined;
    const file = await open(path, 'r');
    try {
      // Bytes that wait in memory may not have their blocks yet.
      await file.sync();
      return (await file.stat()).blocks === 0;
    } finally {
      await file.close();
    }
  }

  async storedBytes(image: ImageRef): Promise<number> {
    return (await stat(this.path(image))).blocks * 512;
  }

  async usedBy(image: ImageRef): Promise<string | undefined> {
    return nodeHashOf(image.id) === undefined ? undefined : this.#deps.devices.find(this.path(image));
  }

  async remove(image: ImageRef): Promise<void> {
    if (nodeHashOf(image.id) === undefined) return;
    const path = this.path(image);
    const device = await this.usedBy(image);
    if (device !== undefined) {
      throw new CodedError('VOLUME_IN_USE', `${image.kind} ${image.id} is attached as ${device}`, {
        remedy: 'Unstage it on its node first.',
      });
    }
    await rm(`${path}${unfinished}`, { force: true });
    await rm(path, { force: true });
    await syncFolder(dirname(path));
  }

  async withHeader<T>(image: ImageRef, action: (path: string) => Promise<T>): Promise<T> {
    const path = this.path(image);
    if ((await sizeOf(path)) === undefined) throw notFound(image.kind, image.id);
    // While attached the device has a cache of its own over the file.
    return action((await this.#deps.devices.find(path)) ?? path);
  }

  async availableBytes(): Promise<number> {
    const { directory, capacityBytes } = this.#deps;
    return Math.max(0, (await availableBytes(imageFolders(directory), capacityBytes)) - this.#copying);
  }

  /** Removes what copies left behind that a crash ended and nobody repeated. */
  async sweep(now = Date.now()): Promise<void> {
    for (const folder of imageFolders(this.#deps.directory)) {
      for (const name of (await readdir(folder)).filter((it) => it.endsWith(unfinished))) {
        const path = join(folder, name);
        const { mtimeMs } = await stat(path);
        if (now - mtimeMs > abandonedAfterMs) await rm(path, { force: true });
      }
    }
  }

  /** Shares the blocks where the file system can; else copies them and leaves the holes. */
  async #copyBytes(source: string, target: string, signal?: AbortSignal): Promise<void> {
    try {
      await copyFile(source, target, constants.COPYFILE_FICLONE_FORCE);
    } catch (error) {
      if (!isErrno(error, 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EINVAL', 'ENOTTY')) throw error;
      const args = ['--reflink=auto', '--sparse=always', '--preserve=mode', '--', source, target];
      await this.#deps.run('cp', args, { timeoutMs: copyTimeoutMs, ...(signal && { signal }) }).catch(noSpace);
    }
    const file = await open(target, 'r+');
    await file.sync().finally(() => file.close());
  }
}

export function imageFolders(directory: string): readonly string[] {
  return [imageFolder(directory, 'volume'), imageFolder(directory, 'snapshot')];
}

function imageFolder(directory: string, kind: ImageRef['kind']): string {
  return join(directory, 'images', `${kind}s`);
}

/** cp has one exit code for everything; its text is that of the C locale. */
function noSpace(error: unknown): never {
  if (!(error instanceof ToolError && /No space left on device|Disk quota exceeded/.test(error.stderr))) throw error;
  throw new CodedError('STORAGE_FULL', 'the disk that holds the volumes became full while an image was copied', {
    remedy: 'Free space or enlarge the disk, then repeat the call.',
    cause: error,
  });
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
