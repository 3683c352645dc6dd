import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deviceNumber } from '../../../runtime/device/block-size';
import { probe } from '../../../runtime/device/probe';
import { type Run, run, ToolError } from '../../../runtime/process/run';
import { describeWith } from '../../harness/describe-with';

const mebibyte = 1024 * 1024;
let folder: string;
let image: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyward-probe-'));
  image = join(folder, 'image');
  writeFileSync(image, '');
  truncateSync(image, 64 * mebibyte);
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = async (offset: number, bytes = Buffer.from([1])) => {
  const file = await open(image, 'r+');
  await file.write(bytes, 0, bytes.length, offset);
  await file.close();
};
const answering =
  (exitCode: number, stdout = ''): Run =>
  async () => ({ exitCode, stdout, stderr: '', durationMs: 1 });

test('zeros without a signature are blank, also on a small device', async () => {
  expect(await probe(run, image)).toEqual({ state: 'blank' });
  truncateSync(image, 3 * mebibyte + 512);
  expect(await probe(run, image)).toEqual({ state: 'blank' });
});

describeWith(['mkfs.ext4'], 'a device with a file system', () => {
  test('names the file system that is there', async () => {
    execFileSync('mkfs.ext4', ['-q', image]);
    expect(await probe(run, image)).toEqual({ state: 'data', found: 'ext4' });
  });
});

test.each([
  ['the first byte', 0],
  ['the end of the first MiB', mebibyte - 1],
  ['the last byte', 64 * mebibyte - 1],
  ['a place in between that is sampled', mebibyte + 5],
])('finds data without a signature at %s', async (_, offset) => {
  await write(offset);
  expect(await probe(run, image)).toEqual({ state: 'data', found: expect.stringMatching(/^data at byte \d+$/) });
});

test('looks only behind the header area when asked', async () => {
  await write(1000);
  expect(await probe(run, image, { fromByte: 16 * mebibyte })).toEqual({ state: 'blank' });
  await write(16 * mebibyte + 1000);
  expect(await probe(run, image, { fromByte: 16 * mebibyte })).toMatchObject({ state: 'data' });
});

test('a signature that our own reads miss is data: both must agree', async () => {
  expect(await probe(answering(0, 'TYPE=zfs_member\n'), image)).toEqual({ state: 'data', found: 'zfs_member' });
  expect(await probe(answering(8), image)).toMatchObject({ state: 'data' });
});

test('"nothing found" of a device that is not there is no proof: it is unreadable', async () => {
  const answer = await probe(answering(2), join(folder, 'absent'));
  expect(answer).toMatchObject({ state: 'unreadable', error: { code: 'DEVICE_NOT_READY' } });
});

test('a device without bytes, a folder and a failing blkid are unreadable', async () => {
  const failing: Run = async () => {
    throw new ToolError('blkid', { exitCode: 4, stdout: '', stderr: 'I/O error', durationMs: 1 });
  };
  expect(await probe(failing, image)).toMatchObject({ state: 'unreadable', error: { code: 'DEVICE_UNREADABLE' } });
  expect(await probe(run, folder)).toMatchObject({ state: 'unreadable' });
  expect(await probe(run, image, { fromByte: 64 * mebibyte })).toMatchObject({ state: 'unreadable' });
  truncateSync(image, 0);
  expect(await probe(run, image)).toMatchObject({ state: 'unreadable' });
});

test('decodes device numbers as the kernel writes them', () => {
  expect(deviceNumber(0x0700)).toBe('7:0');
  expect(deviceNumber(0xfe03)).toBe('254:3');
  expect(deviceNumber(0x0010_3401)).toBe('52:257');
});
