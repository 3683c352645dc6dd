/** Mappings on a real kernel. */
import { type ChildProcess, spawn } from 'node:child_process';
import { open, stat } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { Semaphore } from '../../runtime/async/semaphore';
import { deviceNumber } from '../../runtime/device/block-size';
import { Cryptsetup, headerBytes } from '../../runtime/luks/cryptsetup';
import { readHeader } from '../../runtime/luks/header';
import {
  findMapping,
  listAbandoned,
  listMappings,
  mappingName,
  resumeMapping,
  suspendMapping,
} from '../../runtime/luks/mapping';
import { verifyForeignHeader, verifyHeader } from '../../runtime/luks/verify';
import { run } from '../../runtime/process/run';
import { Secret } from '../../runtime/secret';
import { Bench, cryptsetup, key, luks, mebibyte, uuid } from './luks-fixture';

jest.setTimeout(240_000);
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
  const path = await bench.backEnd.images.withHeader(volume.image, async (path) => path);
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
    discards: true,
    keyslot: 0,
  });
  expect(await findMapping(volume.name)).toMatchObject({ readOnly: true, sizeBytes: 48 * mebibyte });
});

test('the kernel holds what was asked for', async () => {
  const table = async () => (await run('dmsetup', ['table', volume.name])).stdout;
  expect(await table()).toContain('crypt aes-xts-plain64');
  expect(await table()).toContain('sector_size:4096');
  expect(await table()).toContain('allow_discards');
  expect(await table()).not.toContain('workqueue');
  await cryptsetup.close(volume.name);
  const { device, name } = volume;
  await cryptsetup.open({ device, name, dek: key(), noReadWorkqueue: true, noWriteWorkqueue: true });
  expect(await table()).toMatch(/no_read_workqueue no_write_workqueue/);
  expect(await table()).not.toContain('allow_discards');
});

describe.each(['primary', 'secondary'] as const)('with the %s copy of the header damaged', (copy) => {
  test('a volume opens, and has two whole copies afterwards', async () => {
    const { device, name } = volume;
    await cryptsetup.close(name);
    const file = await open(device, 'r+');
    await file.write(Buffer.alloc(64, 0xa5), 0, 64, (copy === 'primary' ? 0 : 16 * 1024) + 4200);
    await file.sync();
    await file.close();
    expect((await readHeader(device)).damagedCopy).toBe(copy);
    await cryptsetup.open({ device, name, dek: key() });
    expect((await readHeader(device)).damagedCopy).toBeUndefined();
  });
});

describe.each(['hmac-sha256', 'hmac-sha512'] as const)('integrity protection with %s', (integrity) => {
  const dataBytes = 24 * mebibyte;
  const protectedLuks = { ...luks, integrity };
  let device: string;
  let name: string;
  beforeAll(async () => {
    const { id } = await bench.newImage(dataBytes);
    device = await bench.backEnd.devices.attach(id);
    name = bench.closesLater(mappingName(id));
    await cryptsetup.format({ device, uuid, luks: protectedLuks, dek: key() });
    await cryptsetup.open({ device, name, dek: key() });
  });

  test('has a header that its record accepts, and every sector can be read', async () => {
    verifyHeader(await readHeader(device), { luksUuid: uuid, luks: protectedLuks, headerBytes });
    verifyForeignHeader(await readHeader(device));
    const mapping = await findMapping(name);
    expect(mapping).toMatchObject({ luksUuid: uuid, backingDevice: deviceNumber((await stat(device)).rdev) });
    expect(mapping?.sizeBytes).toBeLessThan(dataBytes);
    expect((await listMappings()).map((it) => it.name)).toContain(name);
    await run('dd', [`if=${mapping?.device}`, 'of=/dev/null', 'bs=1M', 'status=none']);
  });

  test('refuses to grow', async () => {
    await expect(cryptsetup.resize(name)).toRejectWithCode('REQUEST_INVALID');
  });

  test('opens over the lower half of a mapping that a kill left, and closes one', async () => {
    const loseUpperHalf = () => run('dmsetup', ['remove', name]);
    await loseUpperHalf();
    await cryptsetup.open({ device, name, dek: key() });
    await loseUpperHalf();
    await cryptsetup.close(name);
    expect(await findMapping(`${name}_dif`)).toBeUndefined();
    await cryptsetup.open({ device, name, dek: key() });
  });

  test('makes a sector that somebody changed on the storage an error, not other data', async () => {
    const content = Buffer.alloc(mebibyte, 'content');
    const mapped = await open(`/dev/mapper/${name}`, 'r+');
    await mapped.write(content, 0, mebibyte, 0);
    await mapped.sync();
    await mapped.close();
    await cryptsetup.close(name);
    const raw = await open(device, 'r+');
    // In front are the superblock, the journal and the tags; the data follows within the first MiB.
    await raw.write(Buffer.alloc(4096, 0xa5), 0, 4096, headerBytes + 2 * mebibyte);
    await raw.sync();
    await raw.close();
    await cryptsetup.open({ device, name, dek: key() });
    const whole = run('dd', [`if=/dev/mapper/${name}`, 'of=/dev/null', 'bs=1M', 'status=none']);
    await expect(whole).rejects.toThrow(/Input\/output error/);
    await cryptsetup.close(name);
    expect(await findMapping(name)).toBeUndefined();
    expect(await findMapping(`${name}_dif`)).toBeUndefined();
  });
});

test('a format with integrity protection that was killed can be repeated, and then every sector can be read', async () => {
  const { id } = await bench.newImage(256 * mebibyte);
  const device = await bench.backEnd.devices.attach(id);
  const name = bench.closesLater(mappingName(id));
  const request = {
    device,
    uuid: '6f0f3d0e-8a52-4c19-9c5b-0d8c3b5d7a12',
    luks: { ...luks, integrity: 'hmac-sha256' },
  } as const;
  const leftOpen = () => listAbandoned(request.uuid);
  // The first one is killed as soon as it writes the data.
  let child: ChildProcess | undefined;
  const killed = new Cryptsetup({
    parallel: new Semaphore(1),
    run: (tool, args, { stdin = [] } = {}) => {
      const started = spawn(tool, args, { stdio: ['pipe', 'ignore', 'ignore'] });
      child = started;
      for (const part of stdin) if (part instanceof Secret) part.use((bytes) => started.stdin.write(bytes));
      started.stdin.end();
      return new Promise((_, reject) => started.on('exit', (_code, signal) => reject(new Error(`${signal}`))));
    },
  });
  const format = expect(killed.format({ ...request, dek: key() })).rejects.toThrow('SIGKILL');
  while ((await leftOpen()).length < 2) await setImmediate();
  child?.kill('SIGKILL');
  await format;
  expect(await leftOpen()).toHaveLength(2);
  expect((await readHeader(device)).keyslots).toHaveLength(1);

  await cryptsetup.format({ ...request, dek: key() });
  expect(await leftOpen()).toEqual([]);
  await cryptsetup.open({ device, name, dek: key() });
  await run('dd', [`if=/dev/mapper/${name}`, 'of=/dev/null', 'bs=1M', 'status=none']);
});
