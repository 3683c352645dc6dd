/** File systems in opened volumes on a real kernel. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FsType } from '../../runtime/device/record';
import { headerBytes } from '../../runtime/luks/cryptsetup';
import { mappingName, resumeMapping, suspendMapping } from '../../runtime/luks/mapping';
import { makeFilesystem, readSuperblock } from '../../runtime/mount/filesystem';
import { growFilesystem } from '../../runtime/mount/grow';
import { Mounts } from '../../runtime/mount/mounts';
import { filesystemUsage } from '../../runtime/mount/usage';
import { run } from '../../runtime/process/run';
import { Bench, cryptsetup, key, mebibyte } from './luks-fixture';

jest.setTimeout(120_000);
const fsUuid = '6f0f3d0e-8a52-4c19-9c5b-0d8c3b5d7a12';
const mounts = new Mounts(run);
const sizes = { ext4: 32 * mebibyte, xfs: 320 * mebibyte };

describe.each(['ext4', 'xfs'] as const)('%s', (fsType: FsType) => {
  const bench = new Bench();
  const staging = join(bench.folder, 'staging folder');
  const target = join(bench.folder, 'target');
  let volume: Awaited<ReturnType<Bench['openVolume']>>;
  const wanted = (more: { readOnly?: boolean } = {}) => ({
    device: volume.mapped,
    target: staging,
    fsType,
    readOnly: false,
    ...more,
  });

  beforeAll(async () => {
    await bench.start();
    for (const folder of [staging, target]) mkdirSync(folder);
    volume = await bench.openVolume(sizes[fsType]);
    await makeFilesystem(run, { device: volume.mapped, type: fsType, uuid: fsUuid });
  });
  afterAll(async () => {
    await mounts.unmount(target);
    await mounts.unmount(staging);
    await bench.stop();
  });

  test('is mounted once, and found mounted', async () => {
    expect(await readSuperblock(volume.mapped)).toEqual({ type: fsType, uuid: fsUuid, sizeBytes: sizes[fsType] });
    expect(await mounts.isMounted(wanted())).toBe(false);
    await mounts.mount(wanted());
    await mounts.mount(wanted());
    expect(await mounts.isMounted(wanted())).toBe(true);
    writeFileSync(join(staging, 'file'), 'content');
  });

  test('is in conflict with another device, file system or access at the same place', async () => {
    await expect(mounts.mount(wanted({ readOnly: true }))).toRejectWithCode('MOUNT_CONFLICT');
    await expect(mounts.mount({ ...wanted(), device: volume.device })).toRejectWithCode('MOUNT_CONFLICT');
    await expect(mounts.mount({ ...wanted(), fsType: fsType === 'xfs' ? 'ext4' : 'xfs' })).toRejectWithCode(
      'MOUNT_CONFLICT',
    );
    await expect(mounts.bind({ source: target, target: staging, readOnly: false })).toRejectWithCode('MOUNT_CONFLICT');
  });

  test('is published by a bind mount, read-only when asked', async () => {
    await mounts.bind({ source: staging, target, readOnly: false });
    await mounts.bind({ source: staging, target, readOnly: false });
    writeFileSync(join(target, 'second'), 'content');
    await mounts.bind({ source: staging, target, readOnly: true });
    expect(() => writeFileSync(join(target, 'third'), '')).toThrow(/EROFS/);
    await expect(mounts.bind({ source: staging, target, readOnly: false })).toRejectWithCode('MOUNT_CONFLICT');
    expect(await mounts.isBound({ source: staging, target, readOnly: true })).toBe(true);
    await mounts.unmount(target);
    await mounts.unmount(target);
    expect(await mounts.find(target)).toBeUndefined();
    expect(readFileSync(join(staging, 'second'), 'utf8')).toBe('content');
  });

  test('unmounts every layer', async () => {
    await run('mount', ['--bind', staging, target]);
    await run('mount', ['--bind', staging, target]);
    await mounts.unmount(target);
    expect(await mounts.find(target)).toBeUndefined();
  });

  test('is busy while a file is open', async () => {
    const file = await open(join(staging, 'file'), 'r');
    await expect(mounts.unmount(staging)).toRejectWithCode('DEVICE_BUSY');
    await file.close();
  });

  test('says ENOSPC when it is full, and how full it is', async () => {
    const before = await filesystemUsage(staging);
    expect(before.bytes.total).toBeGreaterThan(0.5 * sizes[fsType]);
    const file = await open(join(staging, 'big'), 'w');
    const chunk = Buffer.alloc(8 * mebibyte);
    const fill = async () => {
      for (;;) await file.write(chunk);
    };
    // Sparse zeros are no help: the guest's memory holds the images, so XFS is filled by promise.
    const full = fsType === 'ext4' ? fill() : run('fallocate', ['--length', `${sizes.xfs}`, join(staging, 'big')]);
    await expect(full).rejects.toThrow(/ENOSPC|No space/);
    await file.close();
    await run('rm', [join(staging, 'big')]);
    expect((await filesystemUsage(staging)).bytes.used).toBeLessThan(before.bytes.used + mebibyte);
  });

  test('grows while it is mounted, once', async () => {
    const larger = sizes[fsType] + 32 * mebibyte;
    await bench.backEnd.images.allocate(volume.image, headerBytes + larger);
    await bench.backEnd.devices.refreshSize(volume.image.id);
    await cryptsetup.resize(volume.name);
    const before = await filesystemUsage(staging);
    expect(await growFilesystem(run, { device: volume.mapped, type: fsType, mountPoint: staging })).toBe(true);
    expect((await filesystemUsage(staging)).bytes.total).toBeGreaterThan(before.bytes.total + 24 * mebibyte);
    await growFilesystem(run, { device: volume.mapped, type: fsType, mountPoint: staging });
    expect(readFileSync(join(staging, 'file'), 'utf8')).toBe('content');
  });

  test('is copied while it is mounted and written to: the copy is whole, and both are mounted at once', async () => {
    writeFileSync(join(staging, 'last'), 'written just before, not synced');
    const id = await bench.backEnd.snapshots.reserve('snap');
    const copy = { kind: 'snapshot', id } as const;
    await suspendMapping(run, volume.name);
    await bench.backEnd.images.copy(volume.image, copy);
    await resumeMapping(run, volume.name);
    writeFileSync(join(staging, 'later'), 'after the copy');
    const clone = await bench.newImage(mebibyte);
    await bench.backEnd.images.remove(clone);
    await bench.backEnd.images.copy(copy, clone);
    const device = await bench.backEnd.devices.attach(clone.id);
    const name = mappingName(clone.id);
    await cryptsetup.open({ device, name, dek: key() });
    const mapped = `/dev/mapper/${name}`;
    try {
      await mounts.mount({ device: mapped, target, fsType, readOnly: false });
      expect(readFileSync(join(target, 'last'), 'utf8')).toBe('written just before, not synced');
      await expect(stat(join(target, 'later'))).rejects.toThrow(/ENOENT/);
    } finally {
      await mounts.unmount(target);
      await cryptsetup.close(name);
    }
  });
});

describe('raw block', () => {
  const bench = new Bench();
  const target = join(bench.folder, 'device');
  beforeAll(() => bench.start());
  afterAll(async () => {
    await mounts.unmount(target);
    await bench.stop();
  });

  test('shows the mapped device at a file, and only that one', async () => {
    const [one, two] = [await bench.openVolume(mebibyte), await bench.openVolume(mebibyte)];
    writeFileSync(target, '');
    await mounts.bind({ source: one.mapped, target, readOnly: false });
    await mounts.bind({ source: one.mapped, target, readOnly: false });
    expect((await stat(target)).rdev).toBe((await stat(one.mapped)).rdev);
    await expect(mounts.bind({ source: two.mapped, target, readOnly: false })).toRejectWithCode('MOUNT_CONFLICT');
    await mounts.unmount(target);
  });

  test('what is not a file system is refused with its own code', async () => {
    const { mapped } = await bench.openVolume(mebibyte);
    mkdirSync(join(bench.folder, 'empty'));
    const mount = mounts.mount({
      device: mapped,
      target: join(bench.folder, 'empty'),
      fsType: 'ext4',
      readOnly: false,
    });
    await expect(mount).toRejectWithCode('MOUNT_FAILED');
  });
});
