/** Waiting for the nodes of devices. */
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, isErrno } from '../../errors';

const pollMs = 10;
const nodeWaitMs = 10_000;

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
