import { mountArguments } from '../../../runtime/mount/mount-flags';

test('flags of the kernel and options of the file system are told apart', () => {
  expect(mountArguments(['rw', 'errors=remount-ro'])).toEqual({ flags: 0, data: 'errors=remount-ro' });
  expect(mountArguments(['ro', 'nouuid', 'noatime', 'nosuid', 'discard'])).toEqual({
    flags: 1 | 1024 | 2,
    data: 'nouuid,discard',
  });
  expect(mountArguments(['rw', 'strictatime', 'lazytime', 'commit=30'])).toEqual({
    flags: 2 ** 24 + 2 ** 25,
    data: 'commit=30',
  });
});

test.each([
  '_netdev',
  'x-systemd.automount',
  'context="system_u:object_r:x:s0"',
  'loop',
  'remount',
  'bind',
  'defaults',
  'user',
  '',
  'toString',
  'data=a,b',
])('%j is for mount(8)', (option) => {
  expect(mountArguments(['rw', option])).toBeUndefined();
});

test('options that contradict each other are for mount(8)', () => {
  expect(mountArguments(['rw', 'ro'])).toBeUndefined();
  expect(mountArguments(['rw', 'noatime', 'relatime'])).toBeUndefined();
});
