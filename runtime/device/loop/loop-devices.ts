/**
 * Loop devices over image files. What is attached is read from /sys, not remembered, so it is found again after a
 * crash. A bound file shows there as a path of the mount namespace that bound it, maybe that of an earlier container;
 * only when such a path is not ours to the letter is `losetup` asked, which compares device and inode.
 */
import { readdir, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Serial } from '../../async/serial';
import { SharedLook } from '../../async/shared-look';
import { CodedError, isErrno } from '../../errors';
import { type Run, ToolError } from '../../process/run';
import { attribute } from '../attribute';

const deleted = ' (deleted)';
/** Whoever looks at a device at the wrong moment keeps it for a moment longer. */
const detachWaitMs = 2_000;
const pollMs = 20;

export class LoopDevices {
  readonly #run: Run;
  readonly #sysfs: string;
  readonly #attaching = new Serial();
  readonly #bound = new SharedLook(() => this.#readBound());

  /** @param sysfs Another root, for tests. */
  constructor(run: Run, sysfs = '/sys') {
    this.#run = run;
    this.#sysfs = sysfs;
  }

  /** The loop device over the image file, undefined when it is not attached. */
  async find(path: string): Promise<string | undefined> {
    const file = await realpath(path).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    });
    if (file === undefined) return undefined;
    // File names hold the volume's id, so devices over other files need no second look.
    const candidates = (await this.#bound.now()).filter(({ backingFile }) => basename(backingFile) === basename(file));
    const exact = candidates.find(({ backingFile }) => backingFile === file);
    if (exact || candidates.length === 0) return exact && join('/dev', exact.name);
    const { stdout } = await this.#run('losetup', ['--associated', file, '--noheadings', '--output', 'NAME']);
    return stdout.trim().split('\n', 1)[0] || undefined;
  }

  /** Attaches the file, or gives the device that it is attached to. @throws CodedError DEVICE_NOT_READY, ABORTED. */
  attach(path: string, signal?: AbortSignal): Promise<string> {
    // losetup looks for another device over the file and then takes one: two of them at once could take two.
    return this.#attaching.run(path, () => this.#attach(path, signal));
  }

  /** Makes the device as large as its file. Does nothing when the file is not attached. */
  async refreshSize(path: string): Promise<void> {
    const device = await this.find(path);
    if (device !== undefined) await this.#run('losetup', ['--set-capacity', device]);
  }

  /** No error when the file is not attached. @throws CodedError DEVICE_BUSY while a mapping or a mount holds the device. */
  async detach(path: string): Promise<void> {
    const device = await this.find(path);
    if (device === undefined) return;
    // The kernel would answer "done" and detach when the last holder is gone, if ever; so it is not asked.
    const holders = await readdir(join(this.#sysfs, 'block', basename(device), 'holders'));
    if (holders.length > 0) throw busy(device, holders.join(', '));
    await this.#run('losetup', ['--detach', device], { okExitCodes: [0, 1] });
    const until = performance.now() + detachWaitMs;
    while ((await this.find(path)) === device) {
      if (performance.now() > until) throw busy(device, 'an open file or a mount');
      await sleep(pollMs);
    }
  }

  async #attach(path: string, signal?: AbortSignal): Promise<string> {
    const present = await this.find(path);
    if (present !== undefined) return present;
    try {
      // --nooverlap: two devices over one file would each have their own cache of it.
      const { stdout } = await this.#run(
        'losetup',
        ['--find', '--show', '--nooverlap', path],
        signal ? { signal } : {},
      );
      return stdout.trim();
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      throw new CodedError('DEVICE_NOT_READY', 'no loop device could be attached', {
        remedy: 'Load the kernel module loop, and give the container /dev of the node.',
        cause: error,
      });
    }
  }

  /** Devices that are bound to a file which is still there. One whose file was removed is nobody's any more. */
  async #readBound(): Promise<readonly { readonly name: string; readonly backingFile: string }[]> {
    const names = (await readdir(join(this.#sysfs, 'block'))).filter((name) => name.startsWith('loop'));
    const all = await Promise.all(names.map(async (name) => ({ name, backingFile: await this.#backingFile(name) })));
    return all.flatMap(({ name, backingFile }) =>
      backingFile === undefined || backingFile.endsWith(deleted) ? [] : [{ name, backingFile }],
    );
  }

  /** Free devices have none. */
  #backingFile(name: string): Promise<string | undefined> {
    return attribute(join(this.#sysfs, 'block', name, 'loop/backing_file'));
  }
}

function busy(device: string, holder: string): CodedError {
  return new CodedError('DEVICE_BUSY', `${device} is held by ${holder}`, {
    remedy: 'Close the mapping or unmount what is on it, then repeat the call.',
  });
}
