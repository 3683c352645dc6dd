/**
 * R2 on a mounted volume: its passphrase is rotated and its data re-encrypted while a process writes to it, the rotation is
 * killed with SIGKILL at each step, and in the end every byte is what was written. What needs no kernel is in
 * test/integration/volume/rotation-crash.test.ts.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findMapping, lowerNames, mappingName } from '../../runtime/luks/mapping';
import type { VolumeDeps } from '../../runtime/volume/context';
import { stageVolume } from '../../runtime/volume/stage';
import { unstageVolume } from '../../runtime/volume/unstage';
import { opens, soundFacts, storedDek, volume } from '../harness/driver-facts';
import { FileLoad } from '../harness/file-load';
import { RotationBench } from '../harness/rotation-bench';

jest.setTimeout(580_000);
const MiB = 2 ** 20;
const bench = new RotationBench();
let deps: VolumeDeps;
beforeAll(async () => {
  await bench.start();
  deps = await bench.parts();
});
afterAll(() => bench.stop());

const call = { secrets: new Map() };

async function mounted(sizeBytes: number): Promise<{ readonly id: string; readonly stagingPath: string }> {
  const id = await bench.newVolume('metadata', sizeBytes);
  const stagingPath = join(bench.folder, 'mounts', id);
  mkdirSync(stagingPath, { recursive: true });
  const request = { volumeId: id, stagingPath, accessType: 'mount', readOnly: false, mountFlags: [] } as const;
  await stageVolume(deps, request, call);
  return { id, stagingPath };
}

test('R2: twenty rotations of the passphrase in use leave one keyslot and every byte', async () => {
  const { id, stagingPath } = await mounted(16 * MiB);
  const load = new FileLoad([stagingPath]);
  for (let count = 0; count < 20; count += 1) {
    using old = await storedDek(deps, volume(id));
    expect(await bench.rotate('passphrase', id)).toMatchObject({ exitCode: 0 });
    expect(await opens(deps, volume(id), old)).toBe(false);
  }
  expect(await load.end()).toEqual({ intact: true, errors: [], written: [expect.any(Number)] });
  await soundFacts(deps, volume(id));
  await unstageVolume(deps, id, stagingPath);
});

test('R2: a re-encryption in use, killed at each of its steps, goes on and leaves every byte', async () => {
  const { id, stagingPath } = await mounted(24 * MiB);
  const before = await soundFacts(deps, volume(id));
  const load = new FileLoad([stagingPath]);
  const points = [
    ...['begin', 'note', 'begun'].map((step) => `reencrypt:${step}`),
    ...['hold', 'layer', 'release'].map((step) => `reencrypt-piece:${step}`),
    ...['hold', 'empty', 'convert', 'show', 'release', 'clean'].map((step) => `reencrypt-piece:${step}`),
    'reencrypt-piece:settle',
    'reencrypt:settle',
  ];
  for (const point of points) {
    await bench.rotate('volume-key', id, { point });
    expect({ point, opens: await bench.opensCold(id) }).toEqual({ point, opens: true });
  }
  expect(await bench.rotate('volume-key', id)).toMatchObject({ exitCode: 0 });
  expect(await load.end()).toEqual({ intact: true, errors: [], written: [expect.any(Number)] });
  const after = await soundFacts(deps, volume(id));
  expect(after.volumeKeyHash).not.toBe(before.volumeKeyHash);
  expect(await findMapping(mappingName(id))).toMatchObject({
    luksUuid: after.record.encryption.luksUuid,
    suspended: false,
  });
  for (const name of lowerNames(mappingName(id))) expect(await findMapping(name)).toBeUndefined();
  await unstageVolume(deps, id, stagingPath);
  expect(bench.kills).toBe(points.length);
});
