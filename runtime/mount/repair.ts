/**
 * File systems that need a repair before they can be mounted. What e2fsck mends unasked (`-p`, as at the boot of a machine)
 * is mended; all else is for a person, who copies the volume first. A journal that is not empty is no damage: mounting
 * replays it. A sound file system costs one read here and no process, so that a stage after a crash stays quick.
 * Sources: e2fsck(8), fsck(8) for the exit codes; Linux Documentation/filesystems/ext4/super.rst.
 */
import type { FsType } from '../device/record';
import { CodedError } from '../errors';
import { type Run, ToolError } from '../process/run';
import { readSuperblock } from './filesystem';

export interface MountAttempt {
  readonly device: string;
  readonly fsType: FsType;
  readonly readOnly: boolean;
}

/** A check of a large file system reads all its metadata; one that is cut short begins anew the next time. */
const checkTimeoutMs = 60 * 60 * 1000;
/** EUCLEAN and EBADMSG: what Linux answers when metadata or its checksum is wrong. */
const damageText = /Structure needs cleaning|Bad message/;
const corrected = 1;
const uncorrected = 4;

/**
 * Checks an ext4 whose superblock says that the kernel found errors in it, or that it was written to without a journal.
 * Without this it would be mounted, and the damage would grow.
 * @throws CodedError FILESYSTEM_DAMAGED, DEVICE_UNREADABLE, TOOL_FAILED, TOOL_TIMEOUT.
 */
export async function repairBeforeMount(run: Run, { device, fsType, readOnly }: MountAttempt): Promise<void> {
  if (fsType !== 'ext4' || readOnly) return;
  if ((await readSuperblock(device))?.needsCheck) await preen(run, device, []);
}

/**
 * Whether the mount that failed with `error` may be tried again, because something was mended.
 * @throws CodedError FILESYSTEM_DAMAGED when the file system is why it failed, DEVICE_UNREADABLE when the device is.
 */
export async function repairAfterMount(run: Run, attempt: MountAttempt, error: ToolError): Promise<boolean> {
  const { device, fsType, readOnly } = attempt;
  const superblock = await readSuperblock(device);
  if (superblock?.type !== fsType) return false;
  const damaged = damageText.test(error.stderr);
  // A superblock that says "clean" keeps e2fsck from looking further, unless it is forced.
  if (fsType === 'ext4' && !readOnly && (await preen(run, device, damaged ? ['-f'] : []))) return true;
  if (damaged) throw needsRepair(device, fsType, error);
  return false;
}

/** Whether something was mended. @param flags `-f` looks also at a file system that says that it is clean. @throws as above. */
export async function preen(run: Run, device: string, flags: readonly '-f'[], signal?: AbortSignal): Promise<boolean> {
  const options = { okExitCodes: [0, corrected], timeoutMs: checkTimeoutMs, ...(signal && { signal }) };
  try {
    return (await run('e2fsck', ['-p', ...flags, device], options)).exitCode === corrected;
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    const text = `${error.stdout}\n${error.stderr}`;
    if (/Input\/output error/.test(text)) throw unreadable(device, error);
    // Without a superblock that it can use e2fsck ends before it begins, as with a device that is in use.
    if ((error.exitCode & uncorrected) === 0 && !/[Ss]uperblock/.test(text)) throw error;
    throw needsRepair(device, 'ext4', error);
  }
}

function needsRepair(device: string, fsType: FsType, cause: ToolError): CodedError {
  const command = fsType === 'ext4' ? 'e2fsck -f' : 'xfs_repair';
  return new CodedError('FILESYSTEM_DAMAGED', `the ${fsType} on ${device} is damaged and was not mounted`, {
    remedy: `Make a snapshot of the volume, open it by hand with its key, and run ${command} on it; or restore a snapshot.`,
    cause,
  });
}

function unreadable(device: string, cause: ToolError): CodedError {
  return new CodedError('DEVICE_UNREADABLE', `${device} cannot be read in part`, {
    remedy: 'Check the device and the storage behind it, then repeat the call.',
    cause,
  });
}
