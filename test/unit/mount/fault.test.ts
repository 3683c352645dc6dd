/** What a kernel does to a file system that failed is in test/kernel/damage.test.ts. */
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filesystemFault, isStopped } from '../../../runtime/mount/fault';
import { parseMountinfo } from '../../../runtime/mount/mountinfo';

test.each([
  ['a mount for writing', 'rw,relatime', 'rw,errors=remount-ro', false],
  ['a read-only mount', 'ro', 'ro', false],
  ['a read-only bind mount of one for writing', 'ro', 'rw', false],
  ['a mount for writing of a file system that became read-only', 'rw', 'ro,errors=remount-ro', true],
  ['ext4 after an error, as Linux 6.15 tells it', 'rw', 'rw,emergency_ro,errors=remount-ro', true],
  ['a file system that was shut down', 'ro', 'rw,shutdown', true],
])('%s: mount options %s, of the file system %s; stopped is %s', (_, options, superOptions, expected) => {
  const mounts = parseMountinfo(`27 16 254:0 / /m ${options} shared:1 - ext4 /dev/mapper/a ${superOptions}`);
  expect(mounts.map(isStopped)).toEqual([expected]);
});

test('finds no fault in a file system that works, nor where nothing is mounted', async () => {
  expect(await filesystemFault('/proc')).toBeUndefined();
  const folder = mkdtempSync(join(tmpdir(), 'keyward-fault-'));
  expect(await filesystemFault(folder)).toBeUndefined();
  rmdirSync(folder);
  expect(await filesystemFault(join(folder, 'absent'))).toBeUndefined();
});
