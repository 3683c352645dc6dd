/** Mappings on a real kernel. */
import { stat } from 'node:fs/promises';
import { deviceNumber } from '../../runtime/device/block-size';
import { headerBytes } from '../../runtime/luks/cryptsetup';
import { readHeader } from '../../runtime/luks/header';
import { findMapping, listMappings, resumeMapping, suspendMapping } from '../../runtime/luks/mapping';
import { run } from '../../runtime/process/run';
import { Secret } from '../../runtime/secret';
import { Bench, cryptsetup, key, luks, mebibyte, uuid } from './luks-fixture';

jest.setTimeout(120_000);
const bench = new Bench();
let volume: Awaited<ReturnType<Bench['openVolume']>>;
beforeAll(async () => {
  await bench.start();
  volume = await bench.openVolume(32 * mebibyte);
});
afterAll(() => bench.stop());

test('a mapping tells its backing device, its UUID and its size', async () => {
  const mapping = await findMapping(volume.name);
  expect(mapping).toEqual({
    name: volume.name,
    device: volume.mapped,
    deviceNumber: deviceNumber((await stat(volume.mapped)).rdev),
    backingDevice: deviceNumber((await stat(volume.device)).rdev),
    luksUuid: uuid,
    sizeBytes: 32 * mebibyte,
    readOnly: false,
    suspended: false,
  });
  expect(await listMappings()).toEqual([mapping]);
});

test('what is open is not opened, formatted or renamed over', async () => {
  const { device, name } = volume;
  await expect(cryptsetup.open({ device, name, dek: key() })).toRejectWithCode('LUKS_MAPPING_CONFLICT');
  await expect(cryptsetup.open({ device, name: `${name}-2`, dek: key() })).toRejectWithCode('DEVICE_BUSY');
  await expect(cryptsetup.format({ device, uuid, luks, dek: key() })).toRejectWithCode('DEVICE_BUSY');
  await expect(bench.backEnd.devices.detach(volume.image.id)).toRejectWithCode('DEVICE_BUSY');
});

test('the header is read and changed while the mapping is open', async () => {
  const path = await bench.backEnd.images.headerPath(volume.image);
  expect(path).toBe(volume.device);
  const other = Secret.fromText('another key');
  await cryptsetup.addKey({ device: path, authDek: key(), newDek: other, keyslot: 1, luks });
  expect((await readHeader(path)).keyslots.map((it) => it.id)).toEqual([0, 1]);
  await cryptsetup.killSlot(path, 1, key());
  expect((await readHeader(path)).keyslots.map((it) => it.id)).toEqual([0]);
});

test('grows while it is open, without the key', async () => {
  await bench.backEnd.images.allocate(volume.image, headerBytes + 48 * mebibyte);
  await bench.backEnd.devices.refreshSize(volume.image.id);
  await cryptsetup.resize(volume.name);
  expect((await findMapping(volume.name))?.sizeBytes).toBe(48 * mebibyte);
  await cryptsetup.resize(volume.name);
});

test('is suspended and resumed, twice', async () => {
  await suspendMapping(run, volume.name);
  expect((await findMapping(volume.name))?.suspended).toBe(true);
  await resumeMapping(run, volume.name);
  await resumeMapping(run, volume.name);
  expect((await findMapping(volume.name))?.suspended).toBe(false);
});

test('a mapping over another device than the attached one is seen', async () => {
  const image = await bench.newImage(32 * mebibyte);
  const attached = await bench.backEnd.devices.attach(image.id);
  expect((await findMapping(volume.name))?.backingDevice).not.toBe(deviceNumber((await stat(attached)).rdev));
});

test('a wrong key, a header that is none and a mapping that is closed have their codes', async () => {
  await cryptsetup.close(volume.name);
  await cryptsetup.close(volume.name);
  expect(await findMapping(volume.name)).toBeUndefined();
  const wrong = { device: volume.device, name: volume.name, dek: Secret.fromText('wrong') };
  await expect(cryptsetup.open(wrong)).toRejectWithCode('LUKS_PASSPHRASE_REJECTED');
  await expect(cryptsetup.resize(volume.name)).toRejectWithCode('VOLUME_NOT_STAGED');
  const blank = await bench.backEnd.devices.attach((await bench.newImage(mebibyte)).id);
  await expect(cryptsetup.open({ ...wrong, device: blank })).toRejectWithCode('LUKS_NOT_LUKS');
});

test('opens read-only, and the size follows at the next open', async () => {
  await cryptsetup.open({
    device: volume.device,
    name: volume.name,
    dek: key(),
    readOnly: true,
    allowDiscards: true,
    keyslot: 0,
  });
  expect(await findMapping(volume.name)).toMatchObject({ readOnly: true, sizeBytes: 48 * mebibyte });
});

test('the kernel holds what was asked for', async () => {
  const { stdout } = await run('dmsetup', ['table', volume.name]);
  expect(stdout).toContain('crypt aes-xts-plain64');
  expect(stdout).toContain('sector_size:4096');
  expect(stdout).toContain('allow_discards');
});
