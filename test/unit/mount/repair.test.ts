/** e2fsck on images. That the kernel answers a mount as it is said here is in test/kernel/mount.test.ts. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFilesystem, readSuperblock } from '../../../runtime/mount/filesystem';
import { type MountAttempt, repairAfterMount, repairBeforeMount } from '../../../runtime/mount/repair';
import { type Run, run, ToolError } from '../../../runtime/process/run';
import { describeWith } from '../../harness/describe-with';

const uuid = '5f0f3d0e-8a52-4c19-9c5b-0d8c3b5d7a11';
let folder: string;
let image: string;
let commands: string[];
const recording: Run = (tool, args, options) => {
  commands.push([tool, ...args].join(' '));
  return run(tool, args, options);
};
const attempt = (more: Partial<MountAttempt> = {}): MountAttempt => ({
  device: image,
  fsType: 'ext4',
  readOnly: false,
  ...more,
});
const debugfs = (...requests: string[]) => {
  for (const request of requests) execFileSync('debugfs', ['-w', '-R', request, image], { stdio: 'pipe' });
};
/** What mount(8) says when the kernel answers EUCLEAN. */
const unclean = new ToolError('mount', {
  exitCode: 32,
  stdout: '',
  stderr: 'mount: /t: mount(2) system call failed: Structure needs cleaning.',
  durationMs: 1,
});
const other = new ToolError('mount', {
  exitCode: 32,
  stdout: '',
  stderr:
    'mount: /t: wrong fs type, bad option, bad superblock on /dev/x, missing codepage or helper program, or other error.',
  durationMs: 1,
});

beforeEach(() => {
  commands = [];
  folder = mkdtempSync(join(tmpdir(), 'keyward-repair-'));
  image = join(folder, 'image');
  writeFileSync(image, '');
  truncateSync(image, 320 * 1024 * 1024);
});
afterEach(() => rmSync(folder, { recursive: true }));

describeWith(['mkfs.ext4'], 'before ext4 is mounted', () => {
  beforeEach(() => makeFilesystem(run, { device: image, type: 'ext4', uuid }));

  test('no process is started for a sound file system, nor for one that a crash left with a journal to replay', async () => {
    await repairBeforeMount(recording, attempt());
    debugfs('feature needs_recovery');
    expect(await readSuperblock(image)).not.toHaveProperty('needsCheck');
    await repairBeforeMount(recording, attempt());
    expect(commands).toEqual([]);
  });

  test.each([
    ['that it has errors', 3],
    ['that it was not unmounted', 0],
  ])('one that says %s is mended, once', async (_, state) => {
    debugfs(`set_super_value state ${state}`);
    expect(await readSuperblock(image)).toMatchObject({ uuid, needsCheck: true });
    await repairBeforeMount(recording, attempt());
    expect(await readSuperblock(image)).not.toHaveProperty('needsCheck');
    await repairBeforeMount(recording, attempt());
    expect(commands).toEqual([`e2fsck -p ${image}`]);
  });

  test('one that e2fsck mends only when asked is refused', async () => {
    debugfs('set_super_value state 3', 'clri <2>');
    await expect(repairBeforeMount(run, attempt())).toRejectWithCode('FILESYSTEM_DAMAGED');
  });

  test('one whose superblock has a wrong checksum is refused', async () => {
    const bytes = readFileSync(image);
    bytes.writeUInt16LE(2, 1024 + 0x3a);
    writeFileSync(image, bytes);
    await expect(repairBeforeMount(run, attempt())).toRejectWithCode('FILESYSTEM_DAMAGED');
  });

  test('one that is to be mounted read-only is not written to', async () => {
    debugfs('set_super_value state 3');
    const before = readFileSync(image);
    await repairBeforeMount(recording, attempt({ readOnly: true }));
    expect(commands).toEqual([]);
    expect(readFileSync(image).equals(before)).toBe(true);
  });
});

describeWith(['mkfs.ext4', 'mkfs.xfs'], 'after a mount that failed', () => {
  test('ext4 is looked at although it says that it is clean; mended, the mount is tried again', async () => {
    await makeFilesystem(run, { device: image, type: 'ext4', uuid });
    debugfs('set_inode_field <11> links_count 5');
    expect(await repairAfterMount(recording, attempt(), unclean)).toBe(true);
    expect(await repairAfterMount(recording, attempt(), other)).toBe(false);
    expect(commands).toEqual([`e2fsck -p -f ${image}`, `e2fsck -p ${image}`]);
  });

  test('ext4 with damage is refused: when e2fsck finds it, when it does not, and when it may not look', async () => {
    await makeFilesystem(run, { device: image, type: 'ext4', uuid });
    await expect(repairAfterMount(run, attempt(), unclean)).toRejectWithCode('FILESYSTEM_DAMAGED');
    await expect(repairAfterMount(run, attempt({ readOnly: true }), unclean)).toRejectWithCode('FILESYSTEM_DAMAGED');
    debugfs('clri <2>');
    await expect(repairAfterMount(run, attempt(), unclean)).toRejectWithCode('FILESYSTEM_DAMAGED');
  });

  test('XFS is refused when the kernel says that it is damaged, and nothing is run on it', async () => {
    await makeFilesystem(run, { device: image, type: 'xfs', uuid });
    const xfs = attempt({ fsType: 'xfs' });
    await expect(repairAfterMount(recording, xfs, unclean)).toRejectWithCode('FILESYSTEM_DAMAGED');
    expect(await repairAfterMount(recording, xfs, other)).toBe(false);
    expect(commands).toEqual([]);
  });

  test('what is not the file system that was to be mounted is left alone', async () => {
    expect(await repairAfterMount(recording, attempt(), unclean)).toBe(false);
    expect(commands).toEqual([]);
    const absent = attempt({ device: join(folder, 'absent') });
    await expect(repairAfterMount(recording, absent, other)).toRejectWithCode('DEVICE_UNREADABLE');
  });
});
