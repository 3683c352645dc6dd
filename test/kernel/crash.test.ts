/**
 * Design §8 on a real kernel: the driver is killed with SIGKILL before the first and after every step of what needs dm-crypt,
 * started again, and the call repeated, which then comes one step further. What works on the header alone is in
 * test/integration/volume/crash.test.ts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isEmpty, nodeState } from '../../demo/observe/node-state';
import { listMappings } from '../../runtime/luks/mapping';
import type { VolumeDeps } from '../../runtime/volume/context';
import { TestDriver } from '../harness/driver';
import { filesOf, leftovers, opens, partsOf, soundFacts, storedDek, volume } from '../harness/driver-facts';
import { NodeVolume } from '../harness/node-calls';
import { ToolShims } from '../harness/tool-shims';

jest.setTimeout(300_000);
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

const points = (operation: string, ...steps: string[]) => ['begin', ...steps].map((step) => `${operation}:${step}`);
/** Of a stage whose driver dies in turn: after `mount` it is staged, and the next call only lets it grow. */
const stageSteps = ['record', 'key', 'attach', 'initialise', 'own-header', 'open', 'filesystem', 'mount'];

describe('a volume whose driver is killed again and again', () => {
  let subject: NodeVolume;
  beforeAll(async () => {
    subject = await NodeVolume.create(driver, 'metadata');
  });

  test('is made once, whole, by its first stage', async () => {
    const { deaths } = await driver.dieInTurn('stage', () => subject.stage());
    expect(deaths).toEqual(points('stage', ...stageSteps));
    await soundFacts(deps, volume(subject.id));
    subject.write();
  });

  test('leaves nothing in the kernel when it is unstaged', async () => {
    const { deaths } = await driver.dieInTurn('unstage', () => subject.unstage());
    expect(deaths).toEqual(points('unstage', 'unmount', 'close', 'detach', 'forget'));
    expect(isEmpty(await nodeState(driver.root))).toBe(true);
    expect(await listMappings()).toEqual([]);
  });

  test('R1: has its data when it is staged again', async () => {
    const { deaths } = await driver.dieInTurn('stage', () => subject.stage());
    expect(deaths).toEqual(points('stage', ...stageSteps));
    expect(subject.isIntact()).toBe(true);
  });

  test('is seen and hidden again at a target', async () => {
    const shown = await driver.dieInTurn('publish', () => subject.publish());
    expect(shown.deaths).toEqual(points('publish', 'target', 'bind'));
    expect((await nodeState(driver.root)).mounts).toEqual([subject.staging, subject.target].sort());
    const hidden = await driver.dieInTurn('unpublish', () => subject.unpublish());
    expect(hidden.deaths).toEqual(points('unpublish', 'unbind', 'target'));
    expect((await nodeState(driver.root)).mounts).toEqual([subject.staging]);
  });

  test('R16: grows in use: device, crypt layer and filesystem', async () => {
    const before = await subject.filesystemBytes();
    const { deaths, answer } = await driver.dieInTurn('expand', () => subject.expand(24 * MiB));
    expect(deaths).toEqual(points('expand', 'image', 'size', 'device', 'crypt', 'filesystem'));
    expect(answer).toBe(24 * MiB);
    expect(await subject.filesystemBytes()).toBeGreaterThan(before + 6 * MiB);
    expect((await listMappings()).map((each) => each.sizeBytes)).toEqual([24 * MiB]);
    expect(subject.isIntact()).toBe(true);
  });

  test('R2: has its data and one new key after a rotation in use', async () => {
    const old = await storedDek(deps, volume(subject.id));
    const { deaths } = await driver.dieInTurn('rotate', () => subject.rotate());
    const steps = ['begun', 'add-keyslot', 'replace-key', 'read-back', 'retire-keyslot', 'drop-orphan', 'finish'];
    expect(new Set(deaths)).toEqual(new Set(points('rotate', ...steps)));
    await soundFacts(deps, volume(subject.id));
    expect(await opens(deps, volume(subject.id), old)).toBe(false);
    expect(subject.isIntact()).toBe(true);
  });

  test('R16: grows at the next stage when it grew while it was not staged, also when that stage is killed', async () => {
    await subject.unstage();
    const capacityRange = { requiredBytes: BigInt(48 * MiB) };
    await driver.csi.controller.controllerExpandVolume({ volumeId: subject.id, capacityRange });
    await driver.dieAt('stage:mount', () => subject.stage());
    await subject.stage();
    expect(await subject.filesystemBytes()).toBeGreaterThan(40 * MiB);
    await subject.unstage();
    await driver.dieAt('stage:grow', () => subject.stage());
    await subject.stage();
    expect(await subject.filesystemBytes()).toBeGreaterThan(40 * MiB);
    expect(subject.isIntact()).toBe(true);
  });

  test('is not left suspended when its copying was killed, and the snapshot is whole', async () => {
    const secrets = subject.requests.secretsFor('snapshotter');
    const snapshot = () => driver.csi.controller.createSnapshot({ name: 's', sourceVolumeId: subject.id, secrets });
    shims.killAt('cp', '--', 'before');
    await driver.dieDuring(snapshot, 'cp');
    expect(shims.isDone('cp')).toBe(true);
    expect((await listMappings()).map((each) => each.suspended)).toEqual([false]);
    subject.write();
    const made = (await snapshot()).snapshot?.snapshotId ?? '';
    const requests = driver.claim('metadata', 48 * MiB);
    const source = { type: { case: 'snapshot', value: { snapshotId: made } } } as const;
    const { volume: restored } = await driver.csi.controller.createVolume(requests.createVolume(source));
    const copy = new NodeVolume(driver, restored?.volumeId ?? '', requests);
    await copy.stage();
    expect(copy.holdsFileOf(subject)).toBe(true);
    await copy.unstage();
    await copy.delete();
    await driver.csi.controller.deleteSnapshot({ snapshotId: made });
  });

  test('is gone after its deletion, without a trace', async () => {
    await expect(subject.delete()).toRejectWithCode('VOLUME_IN_USE');
    await subject.unstage();
    const { deaths } = await driver.dieInTurn('delete', () => subject.delete());
    expect(deaths).toEqual(points('delete', 'key', 'image', 'record'));
    expect(filesOf(driver)).toEqual([]);
    expect(await leftovers(driver)).toEqual([]);
  });
});

describe('R1: killed inside of a step', () => {
  afterEach(async () => {
    expect(await leftovers(driver)).toEqual([]);
    expect(filesOf(driver)).toEqual([]);
  });

  test('luksFormat and mkfs, each before and after it has run: the work is done again', async () => {
    const subject = await NodeVolume.create(driver, 'metadata');
    for (const [tool, verb] of [
      ['cryptsetup', 'luksFormat'],
      ['mkfs.ext4', '-F'],
    ] as const) {
      for (const point of ['before', 'after'] as const) {
        shims.killAt(tool, verb, point);
        await driver.dieDuring(() => subject.stage(), `${tool} ${point}`);
        expect(shims.isDone(tool)).toBe(true);
      }
    }
    await subject.stage();
    await soundFacts(deps, volume(subject.id));
    subject.write();
    await subject.unstage();
    await subject.delete();
  });

  /** Dies when the device is known to be blank and nothing is on it yet, then writes to the image as something else would. */
  async function interrupted(bytes: Buffer, offset: number): Promise<NodeVolume> {
    const subject = await NodeVolume.create(driver, 'metadata');
    shims.killAt('cryptsetup', 'luksFormat', 'before');
    await driver.dieDuring(() => subject.stage(), 'luksFormat');
    await subject.unstage();
    const file = await open(imageOf(subject), 'r+');
    await file.write(bytes, 0, bytes.length, offset);
    await file.close();
    return subject;
  }
  const imageOf = ({ id }: NodeVolume) => join(driver.backing, 'images/volumes', `${id}.img`);

  test('a part of a header, as luksFormat leaves it when it is killed, is formatted again', async () => {
    const part = Buffer.concat([Buffer.from('LUKS\xba\xbe\x00\x02', 'latin1'), Buffer.alloc(6000, 7)]);
    const subject = await interrupted(part, 0);
    await subject.stage();
    await soundFacts(deps, volume(subject.id));
    await subject.unstage();
    await subject.delete();
  });

  test('data behind the place of the header, however little, is never formatted over', async () => {
    const data = Buffer.from('the only copy of something');
    const subject = await interrupted(data, 20 * MiB + 12_345);
    await expect(subject.stage()).toRejectWithCode('DEVICE_NOT_EMPTY');
    const file = await open(imageOf(subject), 'r');
    const { buffer } = await file.read(Buffer.alloc(data.length), 0, data.length, 20 * MiB + 12_345);
    await file.close();
    expect(buffer.equals(data)).toBe(true);
    await subject.delete();
  });
});
