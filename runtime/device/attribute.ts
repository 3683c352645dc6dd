/** What the kernel says of devices in /sys. */
import { open } from 'node:fs/promises';
import { Semaphore } from '../async/semaphore';
import { isErrno } from '../errors';

/** Each is an open file, of which a process may have few: all volumes of a node can come at once, each looking at all devices. */
const reads = new Semaphore(32);
const pageBytes = 4096;

/** One attribute in /sys, without its newline. Undefined when it is gone: devices vanish while they are looked at. */
export async function attribute(path: string): Promise<string | undefined> {
  try {
    return (await reads.run(() => readOnce(path))).replace(/\n$/, '');
  } catch (error) {
    // EINVAL is how device-mapper answers for a mapping that is just being removed.
    if (isErrno(error, 'ENOENT', 'ENODEV', 'ENXIO', 'EINVAL')) return undefined;
    throw error;
  }
}

/** An attribute is at most a page, and comes whole with the first read: what readFile does besides costs as much again. */
async function readOnce(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(pageBytes), 0, pageBytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
