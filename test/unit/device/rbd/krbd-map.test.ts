import { constants } from 'node:os';
import { type DirectMap, mapDirectly } from '../../../../runtime/device/rbd/krbd-map';
import type { KernelCalls, KernelKey } from '../../../../runtime/process/kernel-thread';
import { Secret } from '../../../../runtime/secret';

const userKey = Secret.fromText('AQAAAAAAAAAAABAAAAECAwQFBgcICQoLDA0ODw==');
const usual: DirectMap = {
  access: { monitors: ['10.0.0.1:6789', '[fd00::1]:6789'], userId: 'csi-rbd-node', userKey },
  spec: { pool: 'kube', namespace: '', image: 'csi-vol-1' },
  options: ['noudev', 'mount_timeout=60'],
};

/** A kernel that answers so, and what it was told. */
function kernel(answer: number | undefined) {
  const told: { path: string; line: string; key: KernelKey | undefined }[] = [];
  const calls: KernelCalls = {
    write: (path, line, key) => {
      told.push({ path, line, key });
      return Promise.resolve(answer);
    },
    mount: () => Promise.resolve(undefined),
  };
  return { calls, told };
}

test('R11: the kernel is told monitors, user, options and image; of the key only its name', async () => {
  const { calls, told } = kernel(0);
  expect(await mapDirectly(calls, usual)).toBe(true);
  const [{ path, line, key } = { path: '', line: '', key: undefined }] = told;
  expect(path).toBe('/sys/bus/rbd/add_single_major');
  expect(line).toBe(
    `10.0.0.1:6789,[fd00::1]:6789 name=csi-rbd-node,key=${key?.name},mount_timeout=60 kube csi-vol-1 -`,
  );
  expect(key).toMatchObject({ type: 'ceph', secret: userKey });
});

test('a RADOS namespace is an option of the line, and each mapping has a name for the key of its own', async () => {
  const { calls, told } = kernel(0);
  await mapDirectly(calls, { ...usual, spec: { ...usual.spec, namespace: 'tenants' } });
  await mapDirectly(calls, usual);
  expect(told[0]?.line).toContain(',mount_timeout=60,_pool_ns=tenants kube csi-vol-1 -');
  expect(told[0]?.key?.name).not.toBe(told[1]?.key?.name);
});

test.each<[string, Partial<DirectMap>]>([
  ['a monitor with a name', { access: { ...usual.access, monitors: ['mon.example:6789'] } }],
  ['a monitor of the newer protocol', { access: { ...usual.access, monitors: ['10.0.0.1:3300'] } }],
  ['both addresses of a monitor', { access: { ...usual.access, monitors: ['[v2:10.0.0.1:3300,v1:10.0.0.1:6789]'] } }],
  ['no monitor', { access: { ...usual.access, monitors: [] } }],
  ['an option that the command rewrites', { options: ['noudev', 'crush_location=host:a'] }],
  ['an option for another namespace', { options: ['_pool_ns=other'] }],
  ['a user with a comma', { access: { ...usual.access, userId: 'a,secret=b' } }],
  ['an image with a blank', { spec: { ...usual.spec, image: 'csi vol' } }],
])('%s is left to the command', async (_what, change) => {
  const { calls, told } = kernel(0);
  expect(await mapDirectly(calls, { ...usual, ...change })).toBe(false);
  expect(told).toEqual([]);
});

test('refuses: the command says why; so does it where nothing was tried', async () => {
  expect(await mapDirectly(kernel(constants.errno.ENOENT).calls, usual)).toBe(false);
  expect(await mapDirectly(kernel(undefined).calls, usual)).toBe(false);
});

test('monitors that do not answer are not asked for as long again', async () => {
  await expect(mapDirectly(kernel(constants.errno.ETIMEDOUT).calls, usual)).toRejectWithCode('CEPH_UNREACHABLE');
});
