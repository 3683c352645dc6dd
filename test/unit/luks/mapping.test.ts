import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findMapping, listAbandoned, listMappings, mappingName, passesDiscards } from '../../../runtime/luks/mapping';

const uuid = '5f0f3d0e-8a52-4c19-9c5b-0d8c3b5d7a11';
let sysfs: string;
beforeEach(() => {
  sysfs = mkdtempSync(join(tmpdir(), 'keyward-sysfs-'));
});
afterEach(() => rmSync(sysfs, { recursive: true }));

const attributes = (device: string, values: Record<string, string>) => {
  for (const [name, value] of Object.entries(values)) {
    const path = join(sysfs, 'block', device, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${value}\n`);
  }
};
const crypt = (device: string, name: string, more: Record<string, string> = {}) =>
  attributes(device, {
    'dm/name': name,
    'dm/uuid': `CRYPT-LUKS2-${uuid.replaceAll('-', '')}-${name}`,
    'dm/suspended': '0',
    dev: '254:3',
    size: '98304',
    ro: '0',
    ...more,
  });

test('finds a mapping by name and tells its backing device', async () => {
  crypt('dm-0', 'other');
  crypt('dm-1', 'keyward-a', { 'slaves/loop4/dev': '7:4', 'dm/suspended': '1', ro: '1' });
  expect(await findMapping('keyward-a', sysfs)).toEqual({
    name: 'keyward-a',
    device: '/dev/mapper/keyward-a',
    deviceNumber: '254:3',
    backingDevice: '7:4',
    luksUuid: uuid,
    sizeBytes: 98_304 * 512,
    readOnly: true,
    suspended: true,
  });
  expect(await findMapping('keyward', sysfs)).toBeUndefined();
  expect((await listMappings(sysfs)).map((it) => it.name)).toEqual(['keyward-a']);
});

test('looks through the layer that integrity protection puts in between', async () => {
  crypt('dm-1', 'keyward-a', { 'slaves/dm-0/dm/name': 'keyward-a_dif', 'slaves/dm-0/slaves/sdb/dev': '8:16' });
  expect(await findMapping('keyward-a', sysfs)).toMatchObject({ backingDevice: '8:16' });
});

test('lists what a killed format left open over its LUKS UUID, from the top down', async () => {
  const hex = uuid.replaceAll('-', '');
  const temporary = 'temporary-cryptsetup-0f1d64eb-f3ba-4602-9660-ab4ffd0b5802';
  const named = (device: string, kind: string, id: string, name: string) =>
    crypt(device, name, { 'dm/uuid': `CRYPT-${kind}-${id}-${name}` });
  named('dm-0', 'INTEGRITY', hex, `${temporary}_dif`);
  named('dm-1', 'LUKS2', hex, temporary);
  named('dm-2', 'LUKS2', hex, 'keyward-a');
  named('dm-3', 'LUKS2', hex.replace('5f', '6f'), 'temporary-cryptsetup-1');
  expect(await listAbandoned(uuid, sysfs)).toEqual([temporary, `${temporary}_dif`]);
});

test('does not take another kind of mapping for LUKS2, nor one of two devices for the backing one', async () => {
  crypt('dm-1', 'keyward-a', { 'dm/uuid': 'LVM-abc', 'slaves/sdb/dev': '8:16', 'slaves/sdc/dev': '8:32' });
  const found = await findMapping('keyward-a', sysfs);
  expect(found?.luksUuid).toBeUndefined();
  expect(found?.backingDevice).toBeUndefined();
});

test('finds nothing where there is no device-mapper', async () => {
  expect(await findMapping('keyward-a', sysfs)).toBeUndefined();
  expect(await listMappings(sysfs)).toEqual([]);
});

test('names a mapping after its volume', () => {
  expect(mappingName('loop-0123456789ab-5f0f3d0e-8a52-4c19-9c5b-0d8c3b5d7a11')).toMatch(/^keyward-loop-/);
});

const cephCsiId = `0001-0006-prod-a-0000000000000007-${uuid}`;

test('names the mapping of a ceph-csi volume as ceph-csi does, so that either driver can close it', () => {
  expect(mappingName(cephCsiId)).toBe(`luks-rbd-${cephCsiId}`);
});

test('lists the mappings of both names, and no others', async () => {
  const names = ['keyward-a', `luks-rbd-${cephCsiId}`, 'luks-rbd-static-image', 'luks-5f0f3d0e', 'root'];
  for (const [index, name] of names.entries()) crypt(`dm-${index}`, name);
  expect((await listMappings(sysfs)).map((it) => it.name)).toEqual(names.slice(0, 2));
});

test.each(['a/b', 'a b', '..\0', 'x'.repeat(120), `0001-0006-${'x'.repeat(109)}`])('rejects the id %j', (id) => {
  expect(() => mappingName(id)).toThrowWithCode('REQUEST_INVALID');
});

test.each(['x'.repeat(119), `0001-0006-${'x'.repeat(108)}`])('takes the longest id, %j', (id) => {
  expect(mappingName(id)).toHaveLength(127);
});

test('passes discards on when the kernel says so', async () => {
  crypt('dm-0', 'keyward-a');
  const mapping = await findMapping('keyward-a', sysfs);
  const limit = join(sysfs, 'dev/block/254:3/queue/discard_max_bytes');
  expect(mapping && (await passesDiscards(mapping, sysfs))).toBe(false);
  mkdirSync(dirname(limit), { recursive: true });
  writeFileSync(limit, '0\n');
  expect(mapping && (await passesDiscards(mapping, sysfs))).toBe(false);
  writeFileSync(limit, '4294966784\n');
  expect(mapping && (await passesDiscards(mapping, sysfs))).toBe(true);
});
