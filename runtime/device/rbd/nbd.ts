/**
 * Images mapped by rbd-nbd: a process for each, which /sys/block/nbdN/pid names and whose arguments name the image. The
 * kernel keeps the device of a process that died, and with it the number of the process.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno } from '../../errors';
import { type Run, ToolError } from '../../process/run';
import { attribute } from '../attribute';
import { deviceBusy } from './device-node';

export interface NbdMapping {
  /** nbdN */
  readonly name: string;
  /** /dev/nbdN */
  readonly device: string;
  /** What the mapping was labelled with; '' where the kernel or rbd-nbd knows no labels. */
  readonly cookie: string;
  /** `pool[/namespace]/image` as its process was told; undefined when the process is gone. */
  readonly spec: string | undefined;
}

const unmapWaitMs = 10_000;
const pollMs = 50;
const timeoutMs = 60_000;

export interface NbdRoots {
  readonly sysfs?: string;
  readonly proc?: string;
}

export class Nbd {
  readonly #run: Run;
  readonly #sysfs: string;
  readonly #proc: string;

  /** @param roots Others, for tests. */
  constructor(run: Run, { sysfs = '/sys', proc = '/proc' }: NbdRoots = {}) {
    this.#run = run;
    this.#sysfs = sysfs;
    this.#proc = proc;
  }

  /** What is connected, also when its process is gone. */
  async mappings(): Promise<readonly NbdMapping[]> {
    const names = (await readdir(join(this.#sysfs, 'block'))).filter((name) => name.startsWith('nbd'));
    const found = await Promise.all(names.map((name) => this.#mapping(name)));
    return found.filter((each) => each !== undefined);
  }

  /** @throws CodedError DEVICE_BUSY while a mapping holds the device: unlike the kernel's own mapper, nbd would let go of it. */
  async unmap({ name, device }: NbdMapping, options: readonly string[] = []): Promise<void> {
    const holders = await readdir(join(this.#sysfs, 'block', name, 'holders'));
    if (holders.length > 0) throw deviceBusy(device, holders.join(', '));
    const args = ['-c', '/dev/null', '--no-mon-config', 'unmap', ...optionArguments(options), device];
    try {
      await this.#run('rbd-nbd', args, { timeoutMs });
    } catch (error) {
      // Also said when the device was let go of meanwhile.
      if (!(error instanceof ToolError) || (await this.#mapping(name)) !== undefined) throw error;
    }
    const until = performance.now() + unmapWaitMs;
    while ((await this.#mapping(name)) !== undefined) {
      if (performance.now() > until) throw deviceBusy(device, 'an open file');
      await sleep(pollMs);
    }
  }

  async sizeBytes({ name }: NbdMapping): Promise<number | undefined> {
    const sectors = await attribute(join(this.#sysfs, 'block', name, 'size'));
    return sectors === undefined ? undefined : Number(sectors) * 512;
  }

  async #mapping(name: string): Promise<NbdMapping | undefined> {
    const pid = await attribute(join(this.#sysfs, 'block', name, 'pid'));
    if (pid === undefined) return undefined;
    const cookie = (await attribute(join(this.#sysfs, 'block', name, 'backend'))) ?? '';
    return { name, device: `/dev/${name}`, cookie, spec: specIn(await this.#arguments(pid)) };
  }

  async #arguments(pid: string): Promise<readonly string[]> {
    try {
      return (await readFile(join(this.#proc, pid, 'cmdline'), 'utf8')).split('\0');
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ESRCH')) return [];
      throw error;
    }
  }
}

export function optionArguments(options: readonly string[]): readonly string[] {
  return options.map((option) => `--${option}`);
}

/** Of `rbd-nbd … map … SPEC`: the image comes last. Another program may have the number by now. */
function specIn(args: readonly string[]): string | undefined {
  const given = args.filter((each) => each !== '');
  return /(?:^|\/)rbd-nbd$/.test(given[0] ?? '') && given.includes('map') ? given.at(-1) : undefined;
}
