/**
 * Images mapped by the kernel, as /sys/bus/rbd shows them. Only mapping needs the `rbd` command, which gives the kernel the
 * key; the rest is a line written to /sys, by `tee`: a thread of ours would stay in the kernel as long as the cluster is silent.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno } from '../../errors';
import { type Run, ToolError } from '../../process/run';
import { attribute } from '../attribute';
import { deviceBusy } from './device-node';

export interface KernelMapping {
  readonly number: string;
  /** /dev/rbdN */
  readonly device: string;
  readonly poolId: number;
  readonly imageName: string;
  /** The internal id. */
  readonly imageId: string;
  /** As the cluster knows this mapping, or several that share a client. */
  readonly clientAddress: string;
}

/** Whoever looks at a device at the wrong moment keeps it for a moment longer. */
const unmapWaitMs = 2_000;
const pollMs = 50;
const writeTimeoutMs = 60_000;

export class Krbd {
  readonly #run: Run;
  readonly #sysfs: string;

  /** @param sysfs Another root, for tests. */
  constructor(run: Run, sysfs = '/sys') {
    this.#run = run;
    this.#sysfs = sysfs;
  }

  /**
   * What is mapped, without mapped snapshots, which are none of ours.
   * @param isWanted Of an image's name: a node has many images, and most calls look for one.
   */
  async mappings(isWanted: (imageName: string) => boolean = () => true): Promise<readonly KernelMapping[]> {
    const numbers = await folderIfAny(this.#bus('devices'));
    const found = await Promise.all(numbers.map((number) => this.#mapping(number, isWanted)));
    return found.filter((each) => each !== undefined);
  }

  /** @throws CodedError DEVICE_BUSY while a mapping, a mount or an open file holds the device. */
  async unmap({ number, device }: KernelMapping, options: readonly string[] = []): Promise<void> {
    const line = [number, ...options].join(' ');
    const until = performance.now() + unmapWaitMs;
    while (!(await this.#remove(line))) {
      const holders = await folderIfAny(join(this.#sysfs, 'block', `rbd${number}`, 'holders'));
      if (holders.length > 0 || performance.now() > until) {
        throw deviceBusy(device, holders.join(', ') || 'an open file or a mount');
      }
      await sleep(pollMs);
    }
  }

  /** Bytes of the block device. */
  async sizeBytes({ number }: KernelMapping): Promise<number | undefined> {
    const sectors = await attribute(join(this.#sysfs, 'block', `rbd${number}`, 'size'));
    return sectors === undefined ? undefined : Number(sectors) * 512;
  }

  /** Has the kernel read the header of the image anew, as it does by itself unless a notice was lost. */
  async refresh({ number }: KernelMapping): Promise<void> {
    await this.#write(this.#bus('devices', number, 'refresh'), '1');
  }

  /** False: it is busy. */
  async #remove(line: string): Promise<boolean> {
    try {
      await this.#write(this.#bus('remove_single_major'), line);
      return true;
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      if (/Device or resource busy/.test(error.stderr)) return false;
      // Gone meanwhile.
      if (/No such file or directory|No such device/.test(error.stderr) && (await this.#isPresent(line))) throw error;
      return true;
    }
  }

  async #isPresent(line: string): Promise<boolean> {
    const number = line.split(' ', 1)[0];
    return (await folderIfAny(this.#bus('devices'))).some((each) => each === number);
  }

  async #write(path: string, line: string): Promise<void> {
    await this.#run('tee', [path], { stdin: [Buffer.from(line)], timeoutMs: writeTimeoutMs });
  }

  async #mapping(number: string, isWanted: (imageName: string) => boolean): Promise<KernelMapping | undefined> {
    const read = (name: string) => attribute(this.#bus('devices', number, name));
    const imageName = await read('name');
    if (imageName === undefined || !isWanted(imageName)) return undefined;
    const names = ['pool_id', 'image_id', 'current_snap', 'client_addr'];
    const [poolId, imageId, snapshot, clientAddress = ''] = await Promise.all(names.map(read));
    if (poolId === undefined || imageId === undefined || snapshot !== '-') return undefined;
    return { number, device: `/dev/rbd${number}`, poolId: Number(poolId), imageName, imageId, clientAddress };
  }

  #bus(...parts: string[]): string {
    return join(this.#sysfs, 'bus/rbd', ...parts);
  }
}

/** Where the module is not loaded there is no such folder. */
async function folderIfAny(path: string): Promise<readonly string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
