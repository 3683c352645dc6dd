import fc from 'fast-check';
import {
  holdingMount,
  parseMountinfo,
  readMountinfo,
  resolveMountPoint,
  topMount,
} from '../../../runtime/mount/mountinfo';

const text = [
  '16 1 0:15 / / rw,relatime - hostfs root rw',
  '17 16 0:5 / /dev rw,relatime - devtmpfs devtmpfs rw,mode=755',
  '27 16 254:0 / /tmp/with\\040blank\\134 rw,relatime shared:1 master:2 - ext4 /dev/mapper/keyward-abc ro,errors=remount-ro',
  '28 16 254:1 / /tmp/m rw - xfs /dev/mapper/a rw',
  '29 16 254:2 /sub /tmp/m ro - xfs /dev/mapper/b rw',
  '',
].join('\n');
const mounts = parseMountinfo(text);

test('reads fields, optional fields and octal escapes', () => {
  expect(mounts[2]).toEqual({
    id: 27,
    parentId: 16,
    deviceNumber: '254:0',
    root: '/',
    mountPoint: '/tmp/with blank\\',
    fsType: 'ext4',
    source: '/dev/mapper/keyward-abc',
    options: ['rw', 'relatime'],
    superOptions: ['ro', 'errors=remount-ro'],
  });
});

test('the last of several mounts at one place is on top', () => {
  expect(topMount(mounts, '/tmp/m')).toMatchObject({ deviceNumber: '254:2', root: '/sub' });
  expect(topMount(mounts, '/tmp')).toBeUndefined();
});

test('finds the mount that holds a path', () => {
  expect(holdingMount(mounts, '/dev/loop0')?.fsType).toBe('devtmpfs');
  expect(holdingMount(mounts, '/tmp/m/a/b')?.deviceNumber).toBe('254:2');
  expect(holdingMount(mounts, '/tmp/mm')?.fsType).toBe('hostfs');
  expect(holdingMount(mounts, '/')?.fsType).toBe('hostfs');
  expect(holdingMount([], '/a')).toBeUndefined();
});

test('reads back every path that the kernel can write', () => {
  const encode = (path: string) =>
    path.replace(/[ \t\n\\#]/g, (it) => `\\${it.charCodeAt(0).toString(8).padStart(3, '0')}`);
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\\', '#', '-', '/', 'a', 'ü', '0', '4') }),
      (name) => {
        const [mount] = parseMountinfo(`1 2 0:1 / /${encode(name)} rw - ext4 ${encode(`s${name}`)} rw\n`);
        expect(mount).toMatchObject({ mountPoint: `/${name}`, source: `s${name}` });
      },
    ),
  );
});

test('never throws, and leaves out what is not a line of mountinfo', () => {
  fc.assert(fc.property(fc.string(), (any) => Array.isArray(parseMountinfo(any))));
  expect(parseMountinfo('1 2 0:1 / /a rw\n-\n1 2 0:1 / /a rw - ext4')).toEqual([]);
});

test('reads the real one', async () => {
  expect(topMount(await readMountinfo(), '/')).toBeDefined();
});

test('resolves links in the folders of a mount point, and not the mount point', async () => {
  expect(await resolveMountPoint('/proc/self/fd')).toBe(`/proc/${process.pid}/fd`);
  expect(await resolveMountPoint('/no/such/folder')).toBeUndefined();
});
