/**
 * Mount and unmount. Done already means verified: what is at the target is compared, by device number and root, with
 * what should be there, and anything else is a conflict, never success.
 */
import { realpath, stat } from 'node:fs/promises';
import { relative } from 'node:path';
import { deviceNumber } from '../device/block-size';
import type { FsType } from '../device/record';
import { CodedError, isErrno } from '../errors';
import type { KernelCalls } from '../process/kernel-thread';
import { type Run, type RunOptions, ToolError } from '../process/run';
import { filesystemFault } from './fault';
import { mountArguments } from './mount-flags';
import { holdingMount, type Mount, readMountinfo, resolveMountPoint, topMount } from './mountinfo';
import { repairAfterMount, repairBeforeMount } from './repair';

export interface FilesystemMount {
  /** Block device. */
  readonly device: string;
  /** A folder that exists. */
  readonly target: string;
  readonly fsType: FsType;
  readonly readOnly: boolean;
  /** Further mount options. */
  readonly options?: readonly string[];
}

export interface BindMount {
  /** A folder, or a device node for raw block. */
  readonly source: string;
  /** Exists, and is of the same kind. */
  readonly target: string;
  readonly readOnly: boolean;
}

/**
 * A clone has the UUID of its source, and XFS refuses to mount the same UUID twice unless told so. ext4 goes on writing after
 * it found an error in itself unless told to stop; a class may tell it otherwise.
 */
const needed: Readonly<Record<FsType, readonly string[]>> = { ext4: ['errors=remount-ro'], xfs: ['nouuid'] };
const mountTimeoutMs = 120_000;
/** Bound for mounts that lie on top of each other. */
const maximumLayers = 16;

export class Mounts {
  readonly #run: Run;
  readonly #kernel: KernelCalls | undefined;

  /** @param kernel Saves the command where a file system is mounted with usual options. */
  constructor(run: Run, kernel?: KernelCalls) {
    this.#run = run;
    this.#kernel = kernel;
  }

  /**
   * Mounts, after a repair where one is needed and safe, or finds that it is mounted.
   * @throws CodedError MOUNT_CONFLICT, MOUNT_FAILED, FILESYSTEM_DAMAGED, DEVICE_NOT_READY, DEVICE_UNREADABLE.
   */
  async mount(wanted: FilesystemMount, signal?: AbortSignal): Promise<void> {
    if (await this.isMounted(wanted)) return;
    const { device, target, fsType, readOnly, options = [] } = wanted;
    const missing = needed[fsType].filter((each) => !options.some((own) => nameOf(own) === nameOf(each)));
    const all = [readOnly ? 'ro' : 'rw', ...missing, ...options];
    const args = ['--types', fsType, '--options', all.join(','), '--', device, target];
    await repairBeforeMount(this.#run, wanted);
    try {
      if (!(await this.#mountDirectly(wanted, all))) await this.#mount(args, signal);
    } catch (error) {
      const refusal = error instanceof CodedError && error.cause instanceof ToolError ? error.cause : undefined;
      if (!refusal || !(await repairAfterMount(this.#run, wanted, refusal))) throw error;
      await this.#mount(args, signal);
    }
    if (!(await this.isMounted(wanted))) throw failed(target, 'it is not mounted afterwards');
  }

  /**
   * Whether exactly this is mounted; false when nothing is.
   * @throws CodedError MOUNT_CONFLICT something else is; FILESYSTEM_DAMAGED it is, and has stopped after an error.
   */
  async isMounted({ device, target, fsType, readOnly }: FilesystemMount): Promise<boolean> {
    const present = await this.find(target);
    if (present === undefined) return false;
    expect(target, 'device', present.deviceNumber, await deviceNumberOf(device));
    expect(target, 'folder', present.root, '/');
    expect(target, 'file system', present.fsType, fsType);
    await expectWorking(target);
    expect(target, 'access', isReadOnly(present) ? 'ro' : 'rw', readOnly ? 'ro' : 'rw');
    return true;
  }

  /**
   * Shows `source` at `target`, or finds that it is shown. A target that should be read-only and is not is made so: that
   * is what a crash in the middle leaves, and taking away the right to write is safe.
   * @throws CodedError MOUNT_CONFLICT, MOUNT_FAILED.
   */
  async bind(wanted: BindMount, signal?: AbortSignal): Promise<void> {
    const { source, target, readOnly } = wanted;
    if (!(await this.#isBound(wanted))) await this.#mount(['--bind', '--', source, target], signal);
    const present = await this.find(target);
    if (present === undefined) throw failed(target, 'it is not mounted afterwards');
    if (readOnly && !present.options.includes('ro')) {
      await this.#mount(['--options', 'remount,bind,ro', '--', target], signal);
    }
    if (!(await this.isBound(wanted))) throw failed(target, 'it is not mounted afterwards');
  }

  /** Whether exactly this is bound; false when nothing is. @throws CodedError MOUNT_CONFLICT something else is. */
  async isBound(wanted: BindMount): Promise<boolean> {
    if (!(await this.#isBound(wanted))) return false;
    const present = await this.find(wanted.target);
    if (wanted.readOnly) expect(wanted.target, 'access', present?.options.includes('ro') ? 'ro' : 'rw', 'ro');
    return true;
  }

  /** Removes every mount at the target, however many lie there. No error when there is none. @throws CodedError DEVICE_BUSY. */
  async unmount(target: string, signal?: AbortSignal): Promise<void> {
    for (let layer = 0; layer < maximumLayers; layer += 1) {
      const present = await this.find(target);
      if (present === undefined) return;
      await this.#unmountOne(present.mountPoint, signal);
    }
    throw failed(target, `more than ${maximumLayers} mounts lie on each other`);
  }

  /** What is on top at the target. */
  async find(target: string): Promise<Mount | undefined> {
    const mountPoint = await resolveMountPoint(target);
    return mountPoint === undefined ? undefined : topMount(await readMountinfo(), mountPoint);
  }

  /** Source and right to write; a read-only wish is not looked at. */
  async #isBound({ source, target, readOnly }: BindMount): Promise<boolean> {
    const mounts = await readMountinfo();
    const mountPoint = await resolveMountPoint(target);
    const present = mountPoint === undefined ? undefined : topMount(mounts, mountPoint);
    if (present === undefined) return false;
    const path = await realpath(source).catch((error: unknown) => {
      throw isErrno(error, 'EIO') ? unreadable(source, error) : error;
    });
    const holder = holdingMount(mounts, path);
    expect(target, 'device', present.deviceNumber, holder?.deviceNumber);
    expect(target, 'folder', present.root, holder && below(holder.root, relative(holder.mountPoint, path)));
    if (!readOnly) expect(target, 'access', isReadOnly(present) ? 'ro' : 'rw', isReadOnly(holder) ? 'ro' : 'rw');
    return true;
  }

  /** False: it is not mounted, and the command is to say why. */
  async #mountDirectly({ device, target, fsType }: FilesystemMount, options: readonly string[]): Promise<boolean> {
    const args = mountArguments(options);
    return args !== undefined && (await this.#kernel?.mount({ source: device, target, fsType, ...args })) === 0;
  }

  async #mount(args: readonly string[], signal?: AbortSignal): Promise<void> {
    try {
      await this.#run('mount', args, options(signal));
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      throw failed(args.at(-1) ?? '', 'mount refused', error);
    }
  }

  async #unmountOne(mountPoint: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#run('umount', ['--', mountPoint], options(signal));
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      if (/not mounted/.test(error.stderr)) return;
      if (!/busy/.test(error.stderr)) throw failed(mountPoint, 'umount refused', error);
      throw new CodedError('DEVICE_BUSY', `${mountPoint} is in use`, {
        remedy: 'A process has files open below it, or it is mounted elsewhere too: find out with fuser -m.',
        cause: error,
      });
    }
  }
}

function options(signal: AbortSignal | undefined): RunOptions {
  return { timeoutMs: mountTimeoutMs, ...(signal && { signal }) };
}

function nameOf(mountOption: string): string {
  return mountOption.split('=', 1)[0] ?? '';
}

async function deviceNumberOf(device: string): Promise<string> {
  const { rdev } = await stat(device).catch((cause: unknown) => {
    throw new CodedError('DEVICE_NOT_READY', `${device} is not there`, { remedy: 'Repeat the call.', cause });
  });
  return deviceNumber(rdev);
}

function isReadOnly(mount: Mount | undefined): boolean {
  return mount !== undefined && (mount.options.includes('ro') || mount.superOptions.includes('ro'));
}

function below(root: string, path: string): string {
  if (path === '') return root;
  return root === '/' ? `/${path}` : `${root}/${path}`;
}

function expect(target: string, what: string, actual: string, expected: string | undefined): void {
  if (actual === expected) return;
  throw new CodedError(
    'MOUNT_CONFLICT',
    `${target} is a mount with ${what} ${actual} instead of ${expected ?? '(none)'}`,
    {
      remedy: 'Unmount what is there, or use another path.',
    },
  );
}

async function expectWorking(target: string): Promise<void> {
  const fault = await filesystemFault(target);
  if (fault === undefined) return;
  throw new CodedError('FILESYSTEM_DAMAGED', `${target}: ${fault}`, {
    remedy:
      'Mend the storage and stop the pods that use the volume: once it is unstaged, the next stage repairs what can be repaired.',
  });
}

function unreadable(source: string, cause: unknown): CodedError {
  return new CodedError('DEVICE_UNREADABLE', `${source} cannot be looked at: the device below it fails`, {
    remedy: 'Mend the storage and stop the pods that use the volume; then it is unstaged and staged anew.',
    cause,
  });
}

function failed(target: string, why: string, cause?: ToolError): CodedError {
  return new CodedError('MOUNT_FAILED', `${target}: ${why}${cause ? `: ${cause.stderr.trim().slice(0, 200)}` : ''}`, {
    remedy: 'See the text, and the log of the kernel for what it says of the file system.',
    ...(cause && { cause }),
  });
}
