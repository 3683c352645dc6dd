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
import { KernelThread } from '../../runtime/process/kernel-thread';
import { run } from '../../runtime/process/run';
import { Bench, cryptsetup, key, mebibyte } from './luks-fixture';

jest.setTimeout(120_000);
const fsUuid = '6f0f3d0e-8a52-4c19-9c5b-0d8c3b5d7a12';
/** As the driver has them: what the thread cannot mount is told by the command. */
const mounts = new Mounts(run, new KernelThread());
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

describe('a damaged file system', () => {
  const bench = new Bench();
  const target = join(bench.folder, 'target');
  /** A volume with a file on it, not mounted. */
  async function used(fsType: FsType) {
    const volume = await bench.openVolume(sizes[fsType]);
    const wanted = { device: volume.mapped, target, fsType, readOnly: false };
    await makeFilesystem(run, { device: volume.mapped, type: fsType, uuid: fsUuid });
    await mounts.mount(wanted);
    writeFileSync(join(target, 'file'), 'content');
    await mounts.unmount(target);
    return { ...volume, wanted };
  }
  const debugfs = (device: string, request: string) => run('debugfs', ['-w', '-R', request, device]);
  /** Garbage over the inode of the root folder: what the kernel reads first. */
  async function spoilRootOfXfs(device: string) {
    const ask = async (question: string) => (await run('xfs_db', ['-r', '-c', 'sb 0', '-c', question, device])).stdout;
    const inode = /rootino = (\d+)/.exec(await ask('print rootino'))?.[1];
    const sector = /\((\d+)\)/.exec(await ask(`convert ino ${inode} daddr`))?.[1];
    const file = await open(device, 'r+');
    await file.write(Buffer.alloc(512, 0xa5), 0, 512, Number(sector) * 512);
    await file.sync();
    await file.close();
  }
  beforeAll(async () => {
    await bench.start();
    mkdirSync(target);
  });
  afterEach(() => mounts.unmount(target));
  afterAll(() => bench.stop());

  test('of ext4, with errors that the kernel noted, is mended and mounted', async () => {
    const { mapped, wanted } = await used('ext4');
    await debugfs(mapped, 'set_super_value state 3');
    await mounts.mount(wanted);
    expect(await readSuperblock(mapped)).not.toHaveProperty('needsCheck');
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('content');
  });

  test('of ext4, which the kernel refuses, is refused with its own code, also read-only', async () => {
    const { mapped, wanted } = await used('ext4');
    await debugfs(mapped, 'clri <2>');
    await expect(mounts.mount(wanted)).toRejectWithCode('FILESYSTEM_DAMAGED');
    await expect(mounts.mount({ ...wanted, readOnly: true })).toRejectWithCode('FILESYSTEM_DAMAGED');
  });

  test('of ext4, which the kernel refuses and e2fsck mends, is mounted', async () => {
    const { mapped, wanted } = await used('ext4');
    // The journal is lost, and the superblock knows nothing of it.
    await debugfs(mapped, 'clri <8>');
    await mounts.mount(wanted);
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('content');
  });

  test('of XFS is refused, and left as it is; after a repair by hand it is mounted', async () => {
    const { mapped, wanted } = await used('xfs');
    await spoilRootOfXfs(mapped);
    await expect(mounts.mount(wanted)).toRejectWithCode('FILESYSTEM_DAMAGED');
    await run('xfs_repair', [mapped], { okExitCodes: [0, 1] });
    await mounts.mount(wanted);
  });

  test('stops ext4 at the first error, unless the class wants it to go on', async () => {
    const { wanted } = await used('ext4');
    const behaviour = async () => (await mounts.find(target))?.superOptions.filter((it) => it.startsWith('errors='));
    await mounts.mount(wanted);
    expect(await behaviour()).toEqual(['errors=remount-ro']);
    await mounts.unmount(target);
    await mounts.mount({ ...wanted, options: ['noatime', 'errors=continue'] });
    expect(await behaviour()).not.toEqual(['errors=remount-ro']);
  });

  test('is not what a bad option of the class is taken for', async () => {
    const { wanted } = await used('ext4');
    await expect(mounts.mount({ ...wanted, options: ['no-such-option'] })).toRejectWithCode('MOUNT_FAILED');
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
