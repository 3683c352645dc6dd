/** Reading what the kernel says of devices, and waiting for their nodes. */
import { readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Semaphore } from '../../async/semaphore';
import { CodedError, isErrno } from '../../errors';

const pollMs = 10;
const nodeWaitMs = 10_000;
/** Each is an open file, of which a process may have few: all volumes of a node can come at once, each looking at all devices. */
const reads = new Semaphore(32);

/** One attribute in /sys, without its newline. Undefined when it is gone: devices vanish while they are looked at. */
export async function attribute(path: string): Promise<string | undefined> {
  try {
    return (await reads.run(() => readFile(path, 'utf8'))).replace(/\n$/, '');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'ENXIO', 'EINVAL')) return undefined;
    throw error;
  }
}

/** @throws CodedError DEVICE_NOT_READY. */
export async function waitForNode(device: string): Promise<void> {
  const until = performance.now() + nodeWaitMs;
  while (!(await isBlockDevice(device))) {
    if (performance.now() > until) {
      throw new CodedError('DEVICE_NOT_READY', `${device} is mapped, but has no node`, {
        remedy: 'Give the container /dev of the node.',
      });
    }
    await sleep(pollMs);
  }
}

/** The error for a device that something holds. */
export function deviceBusy(device: string, holder: string): CodedError {
  return new CodedError('DEVICE_BUSY', `${device} is held by ${holder}`, {
    remedy: 'Close the mapping or unmount what is on it, then repeat the call.',
  });
}

async function isBlockDevice(device: string): Promise<boolean> {
  try {
    return (await stat(device)).isBlockDevice();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
