import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { KernelThread } from '../../../runtime/process/kernel-thread';
import { run } from '../../../runtime/process/run';
import { Secret } from '../../../runtime/secret';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyward-kernel-thread-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('writes a line as a whole, and gives the number of the error where it cannot', async () => {
  const thread = new KernelThread();
  const file = join(folder, 'line');
  writeFileSync(file, '');
  expect(await thread.write(file, '1 force')).toBe(0);
  expect(readFileSync(file, 'utf8')).toBe('1 force');
  expect(await thread.write(join(folder, 'no', 'file'), '1')).toBe(constants.errno.ENOENT);
});

test('mount: the number of the error, and nothing is mounted', async () => {
  const mount = { source: join(folder, 'none'), target: join(folder, 'none'), fsType: 'ext4', flags: 0, data: '' };
  // Who may not mount at all is told that first.
  expect([constants.errno.ENOENT, constants.errno.EPERM]).toContain(await new KernelThread().mount(mount));
});

test('calls that come together are all carried out, one after the other', async () => {
  const thread = new KernelThread();
  const files = Array.from({ length: 20 }, (_, index) => join(folder, `file-${index}`));
  const results = await Promise.all(files.map((file) => thread.write(file, file)));
  // On a busy machine some are left to a command.
  expect(results.every((each) => each === 0 || each === undefined)).toBe(true);
  expect(results[0]).toBe(0);
});

test('who comes while a call is stuck is sent to a command, and gets a turn when it has ended', async () => {
  const thread = new KernelThread();
  const pipe = join(folder, 'pipe');
  await run('mkfifo', [pipe]);
  // Opening it waits until somebody reads.
  const stuck = thread.write(pipe, 'line');
  expect(await thread.write(join(folder, 'other'), 'x')).toBeUndefined();
  expect(readFileSync(pipe, 'utf8')).toBe('line');
  expect(await stuck).toBe(0);
  expect(await thread.write(join(folder, 'other'), 'x')).toBe(0);
});

test('R11: a key is in no keyring afterwards, and the line does not hold it', async () => {
  const secret = Secret.fromText(Buffer.from('0123456789abcdef').toString('base64'));
  const file = join(folder, 'with-key');
  const result = await new KernelThread().write(file, 'key=keyward-test', {
    type: 'ceph',
    name: 'keyward-test',
    secret,
  });
  // A kernel without Ceph knows no keys of that kind.
  expect([0, undefined]).toContain(result);
  if (result === 0) expect(readFileSync(file, 'utf8')).toBe('key=keyward-test');
  expect(readFileSync('/proc/keys', 'utf8')).not.toContain('keyward-test');
  expect(secret.lengthBytes).toBe(24);
});
