/** Loop devices on a real kernel. */
import { open, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { blockSizeBytes } from '../../runtime/device/block-size';
import { probe } from '../../runtime/device/probe';
import { headerBytes } from '../../runtime/luks/cryptsetup';
import { run } from '../../runtime/process/run';
import { Bench, cryptsetup, key, luks, mebibyte, uuid } from './luks-fixture';

jest.setTimeout(120_000);
const bench = new Bench();
beforeAll(() => bench.start());
afterAll(() => bench.stop());
const pathOf = (id: string) => join(bench.folder, 'images/volumes', `${id}.img`);

test('attaches once, also for calls at the same time and after a crash', async () => {
  const { id } = await bench.newImage(mebibyte);
  expect(await bench.backEnd.devices.find(id)).toBeUndefined();
  const [first, second] = await Promise.all([bench.backEnd.devices.attach(id), bench.backEnd.devices.attach(id)]);
  expect(second).toBe(first);
  await bench.start();
  expect(await bench.backEnd.devices.attach(id)).toBe(first);
  expect(await blockSizeBytes(first)).toBe(headerBytes + mebibyte);
  expect((await readFile(`/sys/block/${basename(first)}/loop/dio`, 'utf8')).trim()).toBe('0');
});

test('follows the size of the image when told', async () => {
  const image = await bench.newImage(mebibyte);
  await bench.backEnd.devices.refreshSize(image.id);
  const device = await bench.backEnd.devices.attach(image.id);
  await bench.backEnd.images.allocate(image, headerBytes + 2 * mebibyte);
  await bench.backEnd.devices.refreshSize(image.id);
  expect(await blockSizeBytes(device)).toBe(headerBytes + 2 * mebibyte);
});

test('an attached image is not removed; a detached one is', async () => {
  const image = await bench.newImage(mebibyte);
  await bench.backEnd.devices.attach(image.id);
  await expect(bench.backEnd.images.remove(image)).toRejectWithCode('VOLUME_IN_USE');
  await bench.backEnd.devices.detach(image.id);
  await bench.backEnd.devices.detach(image.id);
  expect(await bench.backEnd.devices.find(image.id)).toBeUndefined();
  await bench.backEnd.images.remove(image);
});

test('a device that an open file holds is busy, not detached', async () => {
  const { id } = await bench.newImage(mebibyte);
  const device = await bench.backEnd.devices.attach(id);
  const file = await open(device, 'r');
  await expect(bench.backEnd.devices.detach(id)).toRejectWithCode('DEVICE_BUSY');
  await file.close();
});

test('a device over a removed file is not that of a new file of the same name', async () => {
  const image = await bench.newImage(mebibyte);
  const device = await bench.backEnd.devices.attach(image.id);
  await rm(pathOf(image.id));
  await bench.backEnd.images.allocate(image, headerBytes + mebibyte);
  expect(await bench.backEnd.devices.find(image.id)).toBeUndefined();
  expect(await bench.backEnd.devices.attach(image.id)).not.toBe(device);
  await run('losetup', ['--detach', device]);
});

test('a device that shows another path of the same file is found', async () => {
  const image = await bench.newImage(mebibyte);
  const [path, elsewhere] = [pathOf(image.id), join(bench.folder, 'elsewhere')];
  await run('mkdir', [elsewhere]);
  await run('mount', ['--bind', join(bench.folder, 'images/volumes'), elsewhere]);
  const device = (await run('losetup', ['--find', '--show', join(elsewhere, basename(path))])).stdout.trim();
  expect(await bench.backEnd.devices.attach(image.id)).toBe(device);
  await bench.backEnd.devices.detach(image.id);
  await run('umount', [elsewhere]);
});

test('an attached device is probed: blank, then LUKS; the image knows that it was written to', async () => {
  const image = await bench.newImage(mebibyte);
  const device = await bench.backEnd.devices.attach(image.id);
  expect(await probe(run, device)).toEqual({ state: 'blank' });
  expect(await bench.backEnd.images.isUnwritten(image)).toBe(true);
  await cryptsetup.format({ device, uuid, luks, dek: key() });
  expect(await probe(run, device)).toEqual({ state: 'data', found: 'crypto_LUKS' });
  expect(await probe(run, device, { fromByte: headerBytes })).toEqual({ state: 'blank' });
  expect(await bench.backEnd.images.isUnwritten(image)).toBe(false);
});
