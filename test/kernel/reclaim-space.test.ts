/** Trimming mounted volumes (CSI-Addons NodeReclaimSpace) on a real kernel: through the file system, dm-crypt and the loop device. */
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../runtime/process/run';
import { type TestClass, TestDriver } from '../harness/driver';
import { NodeVolume } from '../harness/node-calls';

jest.setTimeout(180_000);
const MiB = 1024 * 1024;

const driver = new TestDriver();
beforeAll(() => driver.start());
afterAll(() => driver.stop());

async function staged(
  className: TestClass,
  sizeBytes: number,
  parameters: Readonly<Record<string, string>>,
): Promise<NodeVolume> {
  const requests = driver.claim(className, sizeBytes);
  const request = requests.createVolume();
  const { volume } = await driver.csi.controller.createVolume({
    ...request,
    parameters: { ...request.parameters, ...parameters },
  });
  const made = new NodeVolume(driver, volume?.volumeId ?? '', requests);
  await made.stage();
  return made;
}
async function remove(volume: NodeVolume): Promise<void> {
  await volume.unstage();
  await driver.csi.controller.deleteVolume({ volumeId: volume.id });
}
const reclaim = (volume: NodeVolume, more: object = {}) =>
  driver.csi.reclaimNode.nodeReclaimSpace({ volumeId: volume.id, stagingTargetPath: volume.staging, ...more });
const stored = ({ id }: NodeVolume) => statSync(join(driver.backing, 'images/volumes', `${id}.img`)).blocks * 512;

test.each([
  ['metadata', 48 * MiB],
  ['xfs', 320 * MiB],
] as const)('class %s: what was deleted goes back to the storage, and the rest stays', async (className, sizeBytes) => {
  const volume = await staged(className, sizeBytes, { encryptionDiscards: 'true' });
  const kept = randomBytes(MiB);
  await writeFile(join(volume.staging, 'kept'), kept);
  await writeFile(join(volume.staging, 'deleted'), randomBytes(16 * MiB));
  await run('sync', ['--file-system', volume.staging]);
  const full = stored(volume);
  rmSync(join(volume.staging, 'deleted'));
  await run('sync', ['--file-system', volume.staging]);

  const { preUsage, postUsage } = await reclaim(volume);
  expect(Number(preUsage?.usageBytes)).toBeGreaterThanOrEqual(full - MiB);
  expect(Number(preUsage?.usageBytes) - Number(postUsage?.usageBytes)).toBeGreaterThanOrEqual(15 * MiB);
  expect(stored(volume)).toBeLessThanOrEqual(full - 15 * MiB);

  const again = await reclaim(volume);
  expect(Number(again.postUsage?.usageBytes)).toBeLessThanOrEqual(full - 15 * MiB);
  await volume.unstage();
  await volume.stage();
  expect(readFileSync(join(volume.staging, 'kept')).equals(kept)).toBe(true);
  await remove(volume);
});

test('refuses a volume whose class does not let discards through', async () => {
  const volume = await staged('metadata', 16 * MiB, {});
  await expect(reclaim(volume)).rejects.toMatchObject({ code: 'DISCARDS_OFF', status: 'FAILED_PRECONDITION' });
  await remove(volume);
});

test('refuses a volume that is used as a block device, where nobody knows what is free', async () => {
  const volume = await staged('metadata', 16 * MiB, { encryptionDiscards: 'true' });
  const before = stored(volume);
  const block = { volumeCapability: { ...volume.requests.capability, accessType: { case: 'block', value: {} } } };
  await expect(reclaim(volume, block)).rejects.toMatchObject({
    code: 'RECLAIM_UNSUPPORTED',
    status: 'UNIMPLEMENTED',
  });
  expect(stored(volume)).toBe(before);
  await remove(volume);
});

test('refuses another path, and a volume that is not staged', async () => {
  const volume = await staged('metadata', 16 * MiB, { encryptionDiscards: 'true' });
  await expect(reclaim(volume, { stagingTargetPath: driver.root })).rejects.toMatchObject({ code: 'VOLUME_NOT_FOUND' });
  await volume.unstage();
  await expect(reclaim(volume)).rejects.toMatchObject({ code: 'VOLUME_NOT_STAGED' });
  await driver.csi.controller.deleteVolume({ volumeId: volume.id });
});
