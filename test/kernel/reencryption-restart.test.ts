/** R2: a driver that died within a piece of a re-encryption lets access go on when it starts again. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loopBackEnds } from '../../runtime/device/loop/loop-back-ends';
import type { Log } from '../../runtime/log';
import { silentLog } from '../../runtime/log';
import { findMapping, mappingName } from '../../runtime/luks/mapping';
import { goOnWithReencryptions } from '../../runtime/rotation/go-on';
import type { VolumeDeps } from '../../runtime/volume/context';
import { stageVolume } from '../../runtime/volume/stage';
import { unstageVolume } from '../../runtime/volume/unstage';
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

const noSecrets = async () => ({});

async function staged(): Promise<{ readonly id: string; readonly stagingPath: string }> {
  const id = await bench.newVolume('metadata', 24 * MiB);
  const stagingPath = join(bench.folder, 'mounts', id);
  mkdirSync(stagingPath, { recursive: true });
  const request = { volumeId: id, stagingPath, accessType: 'mount', readOnly: false, mountFlags: [] } as const;
  await stageVolume(deps, request, { secrets: new Map() });
  return { id, stagingPath };
}

/** What a driver does when it starts. @returns what it logged */
async function restart(): Promise<readonly { readonly message: string; readonly volumeId: string | undefined }[]> {
  const lines: { message: string; volumeId: string | undefined }[] = [];
  const log: Log = { ...silentLog, warn: (message, fields) => lines.push({ message, volumeId: fields?.volumeId }) };
  const backEnds = loopBackEnds(deps.backEnd);
  await goOnWithReencryptions({ shared: { ...deps, log }, backEnds }, noSecrets);
  return lines;
}

const isWaiting = async (id: string) => (await findMapping(mappingName(id)))?.suspended;

test('access that waits goes on at the next start; while the KMS has no key that refuses nothing, and goes on later', async () => {
  const { id, stagingPath } = await staged();
  await bench.rotate('volume-key', id, { point: 'reencrypt-piece:empty' });
  expect(await isWaiting(id)).toBe(true);

  const hidden = `${bench.secrets}.hidden`;
  renameSync(bench.secrets, hidden);
  expect(await restart()).toEqual([
    { message: 'access to a volume waits: its re-encryption could not go on', volumeId: id },
  ]);
  expect(await isWaiting(id)).toBe(true);
  renameSync(hidden, bench.secrets);

  expect(await restart()).toEqual([
    { message: 'access to a volume goes on that waited for its re-encryption', volumeId: id },
  ]);
  expect(await isWaiting(id)).toBe(false);
  writeFileSync(join(stagingPath, 'proof'), 'written', { flush: true });

  // A volume that is in order is left alone.
  expect(await restart()).toEqual([]);
  await unstageVolume(deps, id, stagingPath);
});
