/** What the kernel says of devices in /sys. */
import { readFile } from 'node:fs/promises';
import { Semaphore } from '../async/semaphore';
import { isErrno } from '../errors';

/** Each is an open file, of which a process may have few: all volumes of a node can come at once, each looking at all devices. */
const reads = new Semaphore(32);

/** One attribute in /sys, without its newline. Undefined when it is gone: devices vanish while they are looked at. */
export async function attribute(path: string): Promise<string | undefined> {
  try {
    return (await reads.run(() => readFile(path, 'utf8'))).replace(/\n$/, '');
  } catch (error) {
    // EINVAL is how device-mapper answers for a mapping that is just being removed.
    if (isErrno(error, 'ENOENT', 'ENODEV', 'ENXIO', 'EINVAL')) return undefined;
    throw error;
  }
}
