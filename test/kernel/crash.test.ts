/**
 * Design §8 on a real kernel: the driver is killed with SIGKILL before the first and after every step of what needs dm-crypt,
 * started again, and the call repeated. What works on the header alone is in test/integration/volume/crash.test.ts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isEmpty, nodeState } from '../../demo/observe/node-state';
import { listMappings } from '../../runtime/luks/mapping';
import type { VolumeDeps } from '../../runtime/volume/context';
import { killAtEveryPoint } from '../harness/crash-points';
import { TestDriver } from '../harness/driver';
import { filesOf, leftovers, opens, partsOf, soundFacts, storedDek, volume } from '../harness/driver-facts';
import { NodeVolume } from '../harness/node-calls';
import { ToolShims } from '../harness/tool-shims';

jest.setTimeout(600_000);
const MiB = 2 ** 20;

let root: string;
let shims: ToolShims;
let driver: TestDriver;
let deps: VolumeDeps;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'kw-'));
  shims = new ToolShims(root, ['cryptsetup', 'mkfs.ext4', 'cp']);
  driver = new TestDriver({ root, shims: shims.folder });
  await driver.start();
  deps = await partsOf(driver);
});
afterAll(async () => {
  await driver.stop();
  rmSync(root, { recursive: true });
});
afterEach(async () => {
  expect(await leftovers(driver)).toEqual([]);
  expect(filesOf(driver)).toEqual([]);
});

/** A volume with a file on it, staged. */
async function used(): Promise<NodeVolume> {
  const subject = await NodeVolume.create(driver, 'metadata');
  await subject.stage();
  subject.write();
  return subject;
}

async function removed(subject: NodeVolume): Promise<void> {
  await subject.unstage();
  await subject.delete();
}

test('the first stage makes the volume once, whole', async () => {
  const points = await killAtEveryPoint(driver, {
    name: 'stage',
    prepare: () => NodeVolume.create(driver, 'metadata'),
    call: (subject) => subject.stage(),
    verify: async (subject) => {
      await soundFacts(deps, volume(subject.id));
      subject.write();
      await removed(subject);
      expect(isEmpty(await nodeState(driver.root))).toBe(true);
    },
  });
  expect(points).toEqual(
    ['begin', 'record', 'key', 'attach', 'initialise', 'open', 'filesystem', 'mount', 'grow'].map(
      (step) => `stage:${step}`,
    ),
  );
});

test('R1: a later stage, and an unstage, keep the data', async () => {
  const subject = await used();
  await subject.unstage();
  await killAtEveryPoint(driver, {
    name: 'stage',
    prepare: async () => undefined,
    call: () => subject.stage(),
    verify: async () => {
      expect(subject.isIntact()).toBe(true);
      await subject.unstage();
    },
  });
  const points = await killAtEveryPoint(driver, {
    name: 'unstage',
    prepare: () => subject.stage(),
    call: () => subject.unstage(),
    verify: async () => {
      expect(isEmpty(await nodeState(driver.root))).toBe(true);
      expect(await listMappings()).toEqual([]);
    },
  });
  expect(points).toHaveLength(5);
  await subject.stage();
  expect(subject.isIntact()).toBe(true);
  await soundFacts(deps, volume(subject.id));
  await removed(subject);
});

test('R16: an expansion in use reaches device, crypt layer and filesystem, and keeps the data', async () => {
  const subject = await used();
  let sizeBytes = 16 * MiB;
  const points = await killAtEveryPoint(driver, {
    name: 'expand',
    prepare: async () => {
      sizeBytes += 4 * MiB;
      return { sizeBytes, before: await subject.filesystemBytes() };
    },
    call: (wanted) => subject.expand(wanted.sizeBytes),
    verify: async (wanted, answer) => {
      expect(answer).toBe(wanted.sizeBytes);
      expect(await subject.filesystemBytes()).toBeGreaterThan(wanted.before + 3 * MiB);
      expect((await listMappings()).map((each) => each.sizeBytes)).toEqual([wanted.sizeBytes]);
      expect(subject.isIntact()).toBe(true);
    },
  });
  expect(points).toEqual(['begin', 'image', 'size', 'device', 'crypt', 'filesystem'].map((step) => `expand:${step}`));
  await removed(subject);
});

test('R16: a volume that grew while it was not staged follows at the next stage, also when that is killed', async () => {
  const subject = await used();
  await subject.unstage();
  await driver.csi.controller.controllerExpandVolume({
    volumeId: subject.id,
    capacityRange: { requiredBytes: BigInt(48 * MiB) },
  });
  await driver.dieAt('stage:mount', () => subject.stage());
  await subject.stage();
  expect(await subject.filesystemBytes()).toBeGreaterThan(40 * MiB);
  expect(subject.isIntact()).toBe(true);
  await removed(subject);
});

test('R2: a rotation in use keeps the data readable, and one new key', async () => {
  const subject = await used();
  const points = await killAtEveryPoint(driver, {
    name: 'rotate',
    prepare: () => storedDek(deps, volume(subject.id)),
    call: () => subject.rotate(),
    whileBroken: async () => {
      using dek = await storedDek(deps, volume(subject.id));
      expect(await opens(deps, volume(subject.id), dek)).toBe(true);
    },
    verify: async (old) => {
      await soundFacts(deps, volume(subject.id));
      expect(await opens(deps, volume(subject.id), old)).toBe(false);
      expect(subject.isIntact()).toBe(true);
    },
  });
  expect(points).toHaveLength(7);
  await subject.unstage();
  await subject.stage();
  expect(subject.isIntact()).toBe(true);
  await removed(subject);
});

test('a volume whose copying was killed is not left suspended, and the snapshot has its data', async () => {
  const subject = await used();
  const snapshot = () =>
    driver.csi.controller.createSnapshot({
      name: 's',
      sourceVolumeId: subject.id,
      secrets: subject.requests.secretsFor('snapshotter'),
    });
  shims.killAt('cp', '--', 'before');
  await driver.dieDuring(snapshot, 'cp');
  expect(shims.isDone('cp')).toBe(true);
  expect((await listMappings()).map((each) => each.suspended)).toEqual([false]);
  subject.write();
  const { snapshot: made } = await snapshot();
  const requests = driver.claim('metadata');
  const source = { type: { case: 'snapshot', value: { snapshotId: made?.snapshotId ?? '' } } } as const;
  const { volume: restored } = await driver.csi.controller.createVolume(requests.createVolume(source));
  const copy = new NodeVolume(driver, restored?.volumeId ?? '', requests);
  await copy.stage();
  expect(copy.holdsFileOf(subject)).toBe(true);
  await removed(copy);
  await driver.csi.controller.deleteSnapshot({ snapshotId: made?.snapshotId ?? '' });
  await removed(subject);
});

describe('R1: killed inside of a step', () => {
  test.each([
    ['cryptsetup', 'luksFormat', 'before'],
    ['cryptsetup', 'luksFormat', 'after'],
    ['mkfs.ext4', '-F', 'before'],
    ['mkfs.ext4', '-F', 'after'],
  ] as const)('%s %s, %s it has run: the work is done again', async (tool, verb, point) => {
    const subject = await NodeVolume.create(driver, 'metadata');
    shims.killAt(tool, verb, point);
    await driver.dieDuring(() => subject.stage(), `${tool} ${verb}`);
    expect(shims.isDone(tool)).toBe(true);
    await subject.stage();
    await soundFacts(deps, volume(subject.id));
    await removed(subject);
  });

  /** Dies when the device is known to be blank and nothing is on it yet, then writes to the image as something else would. */
  async function interrupted(bytes: Buffer, offset: number): Promise<NodeVolume> {
    const subject = await NodeVolume.create(driver, 'metadata');
    shims.killAt('cryptsetup', 'luksFormat', 'before');
    await driver.dieDuring(() => subject.stage(), 'luksFormat');
    await subject.unstage();
    const file = await open(join(driver.backing, 'images/volumes', `${subject.id}.img`), 'r+');
    await file.write(bytes, 0, bytes.length, offset);
    await file.close();
    return subject;
  }

  test('a part of a header, as luksFormat leaves it when it is killed, is formatted again', async () => {
    const subject = await interrupted(
      Buffer.concat([Buffer.from('LUKS\xba\xbe\x00\x02', 'latin1'), Buffer.alloc(6000, 7)]),
      0,
    );
    await subject.stage();
    await soundFacts(deps, volume(subject.id));
    await removed(subject);
  });

  test('data behind the place of the header is never formatted over', async () => {
    const subject = await interrupted(Buffer.alloc(64 * 1024, 'data'), 20 * MiB);
    await expect(subject.stage()).toRejectWithCode('DEVICE_NOT_EMPTY');
    const file = await open(join(driver.backing, 'images/volumes', `${subject.id}.img`), 'r');
    const { buffer } = await file.read(Buffer.alloc(64 * 1024), 0, 64 * 1024, 20 * MiB);
    await file.close();
    expect(buffer.equals(Buffer.alloc(64 * 1024, 'data'))).toBe(true);
    await subject.delete();
  });
});
