import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  makeFilesystem,
  parseFsType,
  parseSuperblock,
  readSuperblock,
  splitMkfsOptions,
} from '../../../runtime/mount/filesystem';
import { growFilesystem } from '../../../runtime/mount/grow';
import { filesystemUsage } from '../../../runtime/mount/usage';
import { run } from '../../../runtime/process/run';
import { describeWith } from '../../harness/describe-with';

const uuid = '5f0f3d0e-8a52-4c19-9c5b-0d8c3b5d7a11';
const mebibyte = 1024 * 1024;
let folder: string;
let image: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyward-fs-'));
  image = join(folder, 'image');
  writeFileSync(image, '');
  truncateSync(image, 320 * mebibyte);
});
afterEach(() => rmSync(folder, { recursive: true }));

describeWith(['mkfs.ext4', 'mkfs.xfs'], 'file systems on an image', () => {
  test.each(['ext4', 'xfs'] as const)(
    'makes %s with the pinned UUID, reads its superblock, and makes it again',
    async (type) => {
      expect(await readSuperblock(image)).toBeUndefined();
      await makeFilesystem(run, { device: image, type, uuid });
      expect(await readSuperblock(image)).toEqual({ type, uuid, sizeBytes: 320 * mebibyte });
      await makeFilesystem(run, { device: image, type, uuid });
      expect(execFileSync('blkid', ['-p', '-o', 'value', '-s', 'TYPE', image], { encoding: 'utf8' }).trim()).toBe(type);
    },
  );

  test.each(['ext2', 'ext3'] as const)('tells %s from ext4', async (type) => {
    execFileSync(`mkfs.${type}`, ['-q', '-U', uuid, image]);
    expect(await readSuperblock(image)).toEqual({ type, uuid, sizeBytes: 320 * mebibyte });
  });

  test('gives the options of the class to mkfs instead of its own', async () => {
    await makeFilesystem(run, { device: image, type: 'ext4', uuid, options: splitMkfsOptions(' -b 1024  -m5 ') ?? [] });
    expect(execFileSync('dumpe2fs', ['-h', image], { encoding: 'utf8', stdio: 'pipe' })).toMatch(/Block size: +1024/);
    expect(splitMkfsOptions('  ')).toBeUndefined();
    expect(splitMkfsOptions(undefined)).toBeUndefined();
  });

  test('refuses a volume that is too small', async () => {
    truncateSync(image, 32 * mebibyte);
    await expect(makeFilesystem(run, { device: image, type: 'xfs', uuid })).toRejectWithCode('CAPACITY_OUT_OF_RANGE');
  });

  test('grows ext4 while it is not mounted, once', async () => {
    await makeFilesystem(run, { device: image, type: 'ext4', uuid });
    expect(await growFilesystem(run, { device: image, type: 'ext4' })).toBe(false);
    truncateSync(image, 400 * mebibyte);
    expect(await growFilesystem(run, { device: image, type: 'ext4' })).toBe(true);
    expect(await readSuperblock(image)).toEqual({ type: 'ext4', uuid, sizeBytes: 400 * mebibyte });
    expect(await growFilesystem(run, { device: image, type: 'ext4' })).toBe(false);
  });

  test('refuses to grow another file system, or XFS that is not mounted', async () => {
    await expect(growFilesystem(run, { device: image, type: 'ext4' })).toRejectWithCode('FILESYSTEM_FOREIGN');
    await makeFilesystem(run, { device: image, type: 'xfs', uuid });
    await expect(growFilesystem(run, { device: image, type: 'ext4' })).toRejectWithCode('FILESYSTEM_FOREIGN');
    truncateSync(image, 400 * mebibyte);
    await expect(growFilesystem(run, { device: image, type: 'xfs' })).toRejectWithCode('VOLUME_NOT_STAGED');
  });
});

test('rejects other file systems by name', () => {
  expect(parseFsType('xfs')).toBe('xfs');
  for (const name of ['btrfs', 'ext3', '', 'EXT4', 'toString'])
    expect(() => parseFsType(name)).toThrowWithCode('FILESYSTEM_UNKNOWN');
});

test('rejects what cannot be read', async () => {
  await expect(readSuperblock(join(folder, 'absent'))).toRejectWithCode('DEVICE_UNREADABLE');
});

test('the superblock parser takes any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4096 }), fc.boolean(), (bytes, ext) => {
      const head = Buffer.from(bytes);
      if (ext && head.length > 1082) head.writeUInt16LE(0xef53, 1080);
      else head.write('XFSB');
      parseSuperblock(head);
    }),
  );
});

test('tells how full a file system is', async () => {
  const { bytes, inodes } = await filesystemUsage(folder);
  expect(bytes.total).toBeGreaterThanOrEqual(bytes.used + bytes.available);
  expect(inodes.total).toBe(inodes.used + inodes.available);
});
