/** The tier itself: these tests run where device-mapper really encrypts, as root, with loop devices and file systems. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SIZE_BYTES = 64 * 2 ** 20;
const MARKER = 'a sentence that must not be found on the disk';
const name = `keyward-${process.pid}`;

const run = (command: string, args: readonly string[], input = '') =>
  execFileSync(command, args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] }).trim();

jest.setTimeout(60_000);

test('runs as root on a kernel with the crypt target', () => {
  expect(process.getuid?.()).toBe(0);
  run('modprobe', ['dm-crypt']);
  expect(run('dmsetup', ['targets'])).toMatch(/^crypt /m);
});

describe('a LUKS2 volume in a file', () => {
  let folder: string;
  let image: string;
  let mountPoint: string;
  let device: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'keyward-guest-test-'));
    image = join(folder, 'volume.img');
    mountPoint = join(folder, 'mnt');
    writeFileSync(image, '');
    truncateSync(image, SIZE_BYTES);
    mkdirSync(mountPoint);
    device = run('losetup', ['--find', '--show', image]);
  });
  afterAll(() => {
    run('losetup', ['--detach', device]);
    rmSync(folder, { recursive: true });
  });

  test('is formatted, opened, mounted, written and read back; its text is not on the disk', () => {
    const cheap = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
    run('cryptsetup', ['luksFormat', '--batch-mode', '--type', 'luks2', ...cheap, '--key-file', '-', device], 'key');
    run('cryptsetup', ['open', '--key-file', '-', device, name], 'key');
    run('mkfs.ext4', ['-q', `/dev/mapper/${name}`]);
    run('mount', [`/dev/mapper/${name}`, mountPoint]);
    writeFileSync(join(mountPoint, 'file'), MARKER);
    expect(readFileSync(join(mountPoint, 'file'), 'utf8')).toBe(MARKER);
    run('umount', [mountPoint]);
    run('cryptsetup', ['close', name]);
    expect(readFileSync(image).includes(MARKER)).toBe(false);
  });

  test('refuses another key', () => {
    expect(() => run('cryptsetup', ['open', '--test-passphrase', '--key-file', '-', device], 'other')).toThrow(
      /No key available/,
    );
  });
});
