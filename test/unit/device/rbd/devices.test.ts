/** Finding and unmapping by what /sys and /proc show, without a cluster. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Serial } from '../../../../runtime/async/serial';
import { RbdDevices } from '../../../../runtime/device/rbd/devices';
import { encodeId } from '../../../../runtime/device/rbd/ids';
import { RbdCli } from '../../../../runtime/device/rbd/rbd-cli';
import { defaultMapping } from '../../../../runtime/device/rbd/rbd-options';
import { type Run, ToolError } from '../../../../runtime/process/run';

const uuid = '3b0c9a4e-6b0f-4d0a-9c8e-0f2d5a7b1c3d';
const id = encodeId({ clusterId: 'prod', poolId: 7, uuid });
const image = `csi-vol-${uuid}`;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'keyward-sys-'));
  mkdirSync(join(root, 'sys/block'), { recursive: true });
  mkdirSync(join(root, 'proc'));
});
afterEach(() => rmSync(root, { recursive: true }));

const put = (path: string, content: string) => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
};
function kernelMaps(
  number: number,
  facts: Partial<Record<'pool_id' | 'name' | 'image_id' | 'current_snap', string>> = {},
) {
  const all = { pool_id: '7', name: image, image_id: 'abc', current_snap: '-', ...facts };
  for (const [name, value] of Object.entries(all)) put(`sys/bus/rbd/devices/${number}/${name}`, `${value}\n`);
  mkdirSync(join(root, `sys/block/rbd${number}/holders`), { recursive: true });
}
function nbdMaps(number: number, facts: { cookie?: string; args?: readonly string[] } = {}) {
  put(`sys/block/nbd${number}/pid`, `${100 + number}\n`);
  mkdirSync(join(root, `sys/block/nbd${number}/holders`), { recursive: true });
  if (facts.cookie !== undefined) put(`sys/block/nbd${number}/backend`, `${facts.cookie}\n`);
  if (facts.args) put(`proc/${100 + number}/cmdline`, `${facts.args.join('\0')}\0`);
}
const rbdNbd = ['rbd-nbd', '-c', '/dev/null', 'map', '--try-netlink', `kube/${image}`];

function devices(run: Run = () => Promise.reject(new Error('nothing is to be started'))) {
  const absent = () => Promise.reject(new Error('nothing is to be asked of a cluster'));
  return new RbdDevices({
    run,
    cli: new RbdCli(run, absent),
    pools: { byId: absent, byName: absent, all: absent, reachMonitor: absent },
    locate: absent,
    options: defaultMapping,
    attaching: new Serial(),
    roots: { sysfs: join(root, 'sys'), proc: join(root, 'proc') },
  });
}

test('an image that the kernel maps is found by pool and UUID, whatever its prefix', async () => {
  kernelMaps(0, { name: 'csi-vol-00000000-0000-0000-0000-000000000000' });
  kernelMaps(3, { name: `other-prefix-${uuid}` });
  expect(await devices().find(id)).toBe('/dev/rbd3');
});

test.each([
  ['of another pool', { pool_id: '8' }],
  ['mapped at a snapshot', { current_snap: 'csi-snap-1' }],
  ['made on the way to a clone', { name: `${image}-temp` }],
])('an image %s is another', async (_case, facts) => {
  kernelMaps(0, facts);
  expect(await devices().find(id)).toBeUndefined();
});

test('without the modules, and for text that is no id, nothing is found', async () => {
  expect(await devices().find(id)).toBeUndefined();
  kernelMaps(0);
  expect(await devices().find(`x${id}`)).toBeUndefined();
  await devices().detach('../../etc');
});

test.each([
  ['by the arguments of its process', { args: rbdNbd }],
  ['by its label', { cookie: id, args: ['/usr/bin/rbd-nbd', 'map', 'kube/renamed'] }],
])('an image that rbd-nbd maps is found %s', async (_case, facts) => {
  nbdMaps(5, facts);
  expect(await devices().find(id)).toBe('/dev/nbd5');
});

test.each([
  ['whose process is gone', { cookie: id }],
  ['whose process number another program has', { cookie: id, args: ['sleep', 'map', `kube/${image}`] }],
])('an nbd device %s is not found, but detached', async (_case, facts) => {
  nbdMaps(5, facts);
  const started: string[][] = [];
  const run: Run = async (tool, args) => {
    started.push([tool, ...args]);
    rmSync(join(root, 'sys/block/nbd5'), { recursive: true });
    return { exitCode: 0, stdout: '', stderr: '', durationMs: 1 };
  };
  expect(await devices(run).find(id)).toBeUndefined();
  await devices(run).detach(id);
  expect(started).toEqual([['rbd-nbd', '-c', '/dev/null', '--no-mon-config', 'unmap', '/dev/nbd5']]);
});

test('all devices of the image are detached, each with one line to the kernel', async () => {
  kernelMaps(1);
  kernelMaps(2);
  const lines: unknown[] = [];
  const run: Run = async (tool, args, options) => {
    const line = Buffer.concat(options?.stdin as Uint8Array[]).toString();
    lines.push([tool, args[0]?.slice(root.length), line]);
    rmSync(join(root, 'sys/bus/rbd/devices', line), { recursive: true });
    return { exitCode: 0, stdout: line, stderr: '', durationMs: 1 };
  };
  await devices(run).detach(id);
  expect(lines).toEqual(['1', '2'].map((line) => ['tee', '/sys/bus/rbd/remove_single_major', line]));
});

test('a device that is held is busy, and who holds it is named', async () => {
  kernelMaps(1);
  mkdirSync(join(root, 'sys/block/rbd1/holders/dm-4'));
  const stderr = 'tee: /sys/bus/rbd/remove_single_major: Device or resource busy';
  const run: Run = () => Promise.reject(new ToolError('tee', { exitCode: 1, stdout: '', stderr, durationMs: 1 }));
  await expect(devices(run).detach(id)).toRejectWithCode('DEVICE_BUSY');
  await expect(devices(run).detach(id)).rejects.toThrow(/dm-4/);
});
