import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultLuks } from '../../../lib/schema/luks-parameters';
import type { BackEnd } from '../../../runtime/device/back-end';
import { openLoopBackEnd } from '../../../runtime/device/loop/loop-back-end';
import type { SnapshotRecord, VolumeRecord } from '../../../runtime/device/record';
import { run } from '../../../runtime/process/run';

let directory: string;
let backEnd: BackEnd;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'keyward-records-'));
  backEnd = await openLoopBackEnd({ directory, nodeId: 'node-1' }, { run });
});
afterEach(() => rmSync(directory, { recursive: true }));

const record = (id: string, name = 'pvc-1'): VolumeRecord => ({
  id,
  name,
  createdAt: '2026-01-02T03:04:05.000Z',
  sizeBytes: 1024 ** 3,
  accessType: 'mount',
  fsType: 'ext4',
  complete: false,
  encryption: {
    kmsId: 'tenants',
    owner: '',
    luksUuid: '5f0f3d0e-8a52-4c19-9c5b-0d8c3b5d7a11',
    luks: defaultLuks,
    headerBytes: 16 * 1024 * 1024,
    phase: 'prepared',
    fsUuid: '6f0f3d0e-8a52-4c19-9c5b-0d8c3b5d7a12',
  },
});
const reopened = () => openLoopBackEnd({ directory, nodeId: 'node-1' }, { run });
const recordPath = (id: string) => join(directory, 'records', 'volumes', `${id}.json`);

test('gives the same id for the same name, across restarts and to calls at the same time', async () => {
  const ids = await Promise.all(Array.from({ length: 8 }, () => backEnd.volumes.reserve('pvc-1')));
  expect(new Set(ids).size).toBe(1);
  expect(ids[0]).toMatch(/^loop-[0-9a-f]{12}-[0-9a-f-]{36}$/);
  expect(await (await reopened()).volumes.reserve('pvc-1')).toBe(ids[0]);
  expect(await backEnd.volumes.reserve('pvc-2')).not.toBe(ids[0]);
  expect(await backEnd.snapshots.reserve('pvc-1')).not.toBe(ids[0]);
  expect(readdirSync(join(directory, 'names')).filter((it) => it.includes('.'))).toEqual([]);
});

test('takes any text for a name', async () => {
  const names = ['../../etc/passwd', 'a/b', '', 'ü\0', 'x'.repeat(4000)];
  const ids = await Promise.all(names.map((name) => backEnd.volumes.reserve(name)));
  expect(new Set(ids).size).toBe(names.length);
});

test('keeps, replaces, lists and forgets a record', async () => {
  const id = await backEnd.volumes.reserve('pvc-1');
  expect(await backEnd.volumes.get(id)).toBeUndefined();
  expect(await backEnd.volumes.list()).toEqual([]);
  await backEnd.volumes.put(record(id));
  expect(await (await reopened()).volumes.get(id)).toEqual(record(id));
  expect(await backEnd.volumes.update(id, (it) => ({ ...it, complete: true }))).toMatchObject({ complete: true });
  expect(await backEnd.volumes.list()).toEqual([id]);
  expect(await backEnd.snapshots.list()).toEqual([]);
  await backEnd.volumes.forget(id, 'pvc-1');
  await backEnd.volumes.forget(id, 'pvc-1');
  expect(await backEnd.volumes.get(id)).toBeUndefined();
  expect(await backEnd.volumes.reserve('pvc-1')).not.toBe(id);
});

test('a late forget does not release the name of the volume that has it now', async () => {
  const first = await backEnd.volumes.reserve('pvc-1');
  await backEnd.volumes.forget(first, 'pvc-1');
  const second = await backEnd.volumes.reserve('pvc-1');
  await backEnd.volumes.forget(first, 'pvc-1');
  expect(await backEnd.volumes.reserve('pvc-1')).toBe(second);
});

test('loses no update of calls at the same time', async () => {
  const id = await backEnd.volumes.reserve('pvc-1');
  await backEnd.volumes.put(record(id));
  const grow = () => backEnd.volumes.update(id, (it) => ({ ...it, sizeBytes: it.sizeBytes + 1 }));
  await Promise.all(Array.from({ length: 20 }, grow));
  expect((await backEnd.volumes.get(id))?.sizeBytes).toBe(1024 ** 3 + 20);
});

test('an update that fails changes nothing and does not stop the next', async () => {
  const id = await backEnd.volumes.reserve('pvc-1');
  await backEnd.volumes.put(record(id));
  const failing = backEnd.volumes.update(id, () => {
    throw new Error('no');
  });
  const next = backEnd.volumes.update(id, (it) => ({ ...it, complete: true }));
  await expect(failing).rejects.toThrow('no');
  expect(await next).toMatchObject({ complete: true });
});

test('refuses to store what it could not read back, and keeps what it has', async () => {
  const id = await backEnd.volumes.reserve('pvc-1');
  await backEnd.volumes.put(record(id));
  await expect(backEnd.volumes.put({ ...record(id), sizeBytes: -1 })).toRejectWithCode('RECORD_INVALID');
  expect(await backEnd.volumes.get(id)).toEqual(record(id));
});

test('keeps a running rotation and a snapshot', async () => {
  const id = await backEnd.snapshots.reserve('snap');
  const rotation = { oldKeyslot: 0, newKeyslot: 1, startedAt: '2026-01-02T03:04:05Z' };
  const { encryption, ...rest } = record(id, 'snap');
  const snapshot: SnapshotRecord = { ...rest, encryption: { ...encryption, rotation }, sourceVolumeId: 'loop-x' };
  await backEnd.snapshots.put(snapshot);
  expect(await backEnd.snapshots.get(id)).toEqual(snapshot);
});

test.each([
  ['is not JSON', 'oops'],
  ['lacks a field', '{"id":"x"}'],
])('rejects a stored record that %s', async (_, content) => {
  const id = await backEnd.volumes.reserve('pvc-1');
  await backEnd.volumes.put(record(id));
  writeFileSync(recordPath(id), content);
  await expect(backEnd.volumes.get(id)).toRejectWithCode('RECORD_INVALID');
  await expect(backEnd.volumes.update(id, (it) => it)).toRejectWithCode('RECORD_INVALID');
});

test('rejects a record under the id of another, with an unknown field, and a damaged reservation', async () => {
  const id = await backEnd.volumes.reserve('pvc-1');
  const other = await backEnd.volumes.reserve('pvc-2');
  await backEnd.volumes.put(record(id));
  writeFileSync(recordPath(other), readFileSync(recordPath(id)));
  await expect(backEnd.volumes.get(other)).toRejectWithCode('RECORD_INVALID');
  writeFileSync(recordPath(id), JSON.stringify({ ...record(id), dek: 'secret' }));
  await expect(backEnd.volumes.get(id)).toRejectWithCode('RECORD_INVALID');
  for (const name of readdirSync(join(directory, 'names'))) writeFileSync(join(directory, 'names', name), '{');
  await expect(backEnd.volumes.reserve('pvc-1')).toRejectWithCode('RECORD_INVALID');
});

test('an update of what is not there is refused by its kind', async () => {
  const id = await backEnd.volumes.reserve('pvc-1');
  await expect(backEnd.volumes.update(id, (it) => it)).toRejectWithCode('VOLUME_NOT_FOUND');
  await expect(backEnd.snapshots.update(id, (it) => it)).toRejectWithCode('SNAPSHOT_NOT_FOUND');
});

test.each([
  '',
  '..',
  '../names',
  'loop-0123456789ab',
  '/etc/passwd',
  'loop-0123456789ab-5f0f3d0e-8a52-4c19-9c5b-0d8c3b5d7a11/..',
])('the malformed id %j is nobody: no path comes of it', async (id) => {
  mkdirSync(join(directory, 'keep'));
  expect(await backEnd.volumes.get(id)).toBeUndefined();
  expect(await backEnd.images.sizeBytes({ kind: 'volume', id })).toBeUndefined();
  expect(await backEnd.images.isUnwritten({ kind: 'volume', id })).toBeUndefined();
  expect(await backEnd.devices.find(id)).toBeUndefined();
  await backEnd.devices.detach(id);
  await backEnd.images.remove({ kind: 'volume', id });
  await backEnd.volumes.forget(id, '../../keep');
  expect(backEnd.isElsewhere(id)).toBe(false);
  await expect(backEnd.volumes.update(id, (it) => it)).toRejectWithCode('VOLUME_NOT_FOUND');
  await expect(backEnd.volumes.put(record(id))).toRejectWithCode('VOLUME_NOT_FOUND');
  await expect(backEnd.images.allocate({ kind: 'volume', id }, 1)).toRejectWithCode('VOLUME_NOT_FOUND');
  await expect(backEnd.images.withHeader({ kind: 'snapshot', id }, async (path) => path)).toRejectWithCode(
    'SNAPSHOT_NOT_FOUND',
  );
  await expect(backEnd.devices.attach(id)).toRejectWithCode('VOLUME_NOT_FOUND');
  expect(readdirSync(directory).sort()).toEqual(['images', 'keep']);
});

test('knows the ids of other nodes', async () => {
  const other = await openLoopBackEnd({ directory: join(directory, 'other'), nodeId: 'node-2' }, { run });
  const id = await other.volumes.reserve('pvc-1');
  expect(backEnd.isElsewhere(id)).toBe(true);
  expect(other.isElsewhere(id)).toBe(false);
});
