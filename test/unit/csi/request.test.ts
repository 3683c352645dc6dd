import { create } from '@bufbuild/protobuf';
import { bytes, decodeAccess, decodeAccesses, withCall } from '../../../runtime/csi/request';
import { VolumeCapability_AccessMode_Mode as Mode, VolumeCapabilitySchema } from '../../../runtime/grpc/gen/csi_pb';
import type { Secret } from '../../../runtime/secret';

const mount = (mode: Mode, fsType = '', mountFlags: string[] = []) =>
  create(VolumeCapabilitySchema, {
    accessMode: { mode },
    accessType: { case: 'mount', value: { fsType, mountFlags } },
  });
const block = (mode: Mode) =>
  create(VolumeCapabilitySchema, { accessMode: { mode }, accessType: { case: 'block', value: {} } });

describe('a capability', () => {
  test('for a filesystem carries type, flags and mode', () => {
    expect(decodeAccess(mount(Mode.SINGLE_NODE_READER_ONLY, 'xfs', ['noatime']))).toEqual({
      accessType: 'mount',
      fsType: 'xfs',
      mountFlags: ['noatime'],
      readOnly: true,
      singleTarget: false,
    });
  });

  test('without a filesystem type leaves the choice to the driver', () => {
    expect(decodeAccess(mount(Mode.SINGLE_NODE_WRITER))).not.toHaveProperty('fsType');
  });

  test('ReadWriteOncePod allows one target, ReadWriteOnce several', () => {
    expect(decodeAccess(block(Mode.SINGLE_NODE_SINGLE_WRITER)).singleTarget).toBe(true);
    expect(decodeAccess(block(Mode.SINGLE_NODE_MULTI_WRITER)).singleTarget).toBe(false);
    expect(decodeAccess(block(Mode.SINGLE_NODE_WRITER)).singleTarget).toBe(false);
  });

  test.each([
    ['no capability', undefined],
    ['no access mode', create(VolumeCapabilitySchema, { accessType: { case: 'block', value: {} } })],
    ['neither block nor mount', create(VolumeCapabilitySchema, { accessMode: { mode: Mode.SINGLE_NODE_WRITER } })],
    ['a mode for several nodes', block(Mode.MULTI_NODE_MULTI_WRITER)],
    ['a mode that the specification does not have', block(99 as Mode)],
  ] as const)('refuses %s', (_, capability) => {
    expect(() => decodeAccess(capability)).toThrowWithCode('REQUEST_INVALID');
  });

  test.each(['btrfs', 'EXT4', 'ext4 ', '../../x'])('refuses the filesystem %p', (fsType) => {
    expect(() => decodeAccess(mount(Mode.SINGLE_NODE_WRITER, fsType))).toThrowWithCode('FILESYSTEM_UNKNOWN');
  });
});

describe('several capabilities of one volume', () => {
  const writer = Mode.SINGLE_NODE_WRITER;
  test('agree when one leaves the filesystem open', () => {
    expect(decodeAccesses([mount(writer), mount(writer, 'xfs')])).toMatchObject({ accessType: 'mount', fsType: 'xfs' });
  });

  test.each([
    ['none', []],
    ['block and mount', [block(writer), mount(writer)]],
    ['two filesystems', [mount(writer, 'xfs'), mount(writer, 'ext4')]],
  ] as const)('refuses %s', (_, capabilities) => {
    expect(() => decodeAccesses(capabilities)).toThrowWithCode('REQUEST_INVALID');
  });
});

test('a byte count is positive and can be counted', () => {
  expect(bytes(undefined, 'required_bytes')).toBe(0);
  expect(bytes(1n << 50n, 'required_bytes')).toBe(2 ** 50);
  expect(() => bytes(-1n, 'required_bytes')).toThrowWithCode('REQUEST_INVALID');
  expect(() => bytes(1n << 62n, 'required_bytes')).toThrowWithCode('REQUEST_INVALID');
});

describe('R11: the secrets of a request', () => {
  const { signal } = new AbortController();
  const lent = async (end: (secret: Secret | undefined) => Promise<string>) => {
    let kept: Secret | undefined;
    const result = await withCall({ k: 'canary' }, signal, (call) => {
      kept = call.secrets.get('k');
      return end(kept);
    }).catch((error: unknown) => error);
    return { kept, result };
  };

  test('are lent to the operation and zeroed at its end', async () => {
    const { kept, result } = await lent(async (secret) => secret?.use((text) => text.toString()) ?? '');
    expect(result).toBe('canary');
    expect(() => kept?.use(() => undefined)).toThrow(/zeroed/);
  });

  test('are zeroed also when it fails', async () => {
    const { kept, result } = await lent(() => Promise.reject(new Error('failed')));
    expect(result).toEqual(new Error('failed'));
    expect(() => kept?.use(() => undefined)).toThrow(/zeroed/);
  });
});
