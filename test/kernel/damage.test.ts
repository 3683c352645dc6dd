/** What the storage does to a volume that is in use, or between two uses: what can be mended is, the rest is told and leaves nothing behind. */
import { execFileSync } from 'node:child_process';
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isEmpty, nodeState } from '../../demo/observe/node-state';
import { readHeader } from '../../runtime/luks/header';
import { mappingDevice, mappingName } from '../../runtime/luks/mapping';
import { readSuperblock } from '../../runtime/mount/filesystem';
import { type TestClass, TestDriver } from '../harness/driver';
import { leftovers } from '../harness/driver-facts';
import { NodeVolume } from '../harness/node-calls';

jest.setTimeout(240_000);

const tool = (command: string, args: readonly string[], input = '') =>
  execFileSync(command, args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] }).trim();
const secondCopy = 16 * 1024;
/** Places in the JSON area of each copy. */
const places = { primary: 4200, secondary: secondCopy + 4200 } as const;
const copies = ['primary', 'secondary'] as const;

let driver: TestDriver;
beforeAll(async () => {
  driver = new TestDriver();
  await driver.start();
});
afterAll(() => driver.stop());

const imageOf = ({ id }: NodeVolume) => join(driver.backing, 'images/volumes', `${id}.img`);
const mappedOf = ({ id }: NodeVolume) => mappingDevice(mappingName(id));
async function used(className: TestClass = 'metadata'): Promise<NodeVolume> {
  const subject = await NodeVolume.create(driver, className, className === 'xfs' ? 320 * 2 ** 20 : undefined);
  await subject.stage();
  subject.write();
  return subject;
}
async function conditionOf({ id, staging }: NodeVolume) {
  const { volumeCondition } = await driver.csi.node.nodeGetVolumeStats({ volumeId: id, volumePath: staging });
  return volumeCondition;
}
async function nothingLeft(): Promise<void> {
  expect(isEmpty(await nodeState(driver.root))).toBe(true);
  expect(await leftovers(driver)).toEqual([]);
}
async function usable(subject: NodeVolume): Promise<void> {
  await subject.stage();
  expect(subject.isIntact()).toBe(true);
  expect(await conditionOf(subject)).toMatchObject({ abnormal: false });
  await subject.unstage();
  await subject.delete();
  await nothingLeft();
}
/** Two changes that cannot reach the device: with the first the journal fails, and the second finds the filesystem stopped. */
function changeTwice({ target }: NodeVolume): void {
  for (const name of ['a', 'b']) {
    const folder = openSync(target, 'r');
    try {
      mkdirSync(join(target, name));
      fsyncSync(folder);
    } catch (error) {
      if (name === 'b') throw error;
    } finally {
      closeSync(folder);
    }
  }
}
function spoil(path: string, offset: number): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(64, 0xa5), 0, 64, offset);
  fsyncSync(file);
  closeSync(file);
}

describe('a damaged LUKS2 header', () => {
  test.each(copies)('with one whole copy left, the %s one gone, opens, and is repaired by that', async (copy) => {
    const subject = await used();
    await subject.unstage();
    spoil(imageOf(subject), places[copy]);
    await subject.stage();
    expect(subject.isIntact()).toBe(true);
    expect((await readHeader(imageOf(subject))).damagedCopy).toBeUndefined();
    await subject.unstage();
    await usable(subject);
  });

  test.each(copies)(
    'is told while the volume is in use, the %s copy gone, and repaired at the next stage',
    async (copy) => {
      const subject = await used();
      const { loops } = await nodeState(driver.root);
      spoil(loops[0]?.device ?? '', places[copy]);
      expect(await conditionOf(subject)).toMatchObject({
        abnormal: true,
        message: expect.stringContaining('header copy'),
      });
      expect(subject.isIntact()).toBe(true);
      await subject.unstage();
      await usable(subject);
    },
  );

  test('is refused with no whole copy left; with the header from a backup the data is there', async () => {
    const subject = await used();
    await subject.unstage();
    const backup = join(driver.root, 'header');
    tool('cryptsetup', ['luksHeaderBackup', imageOf(subject), '--header-backup-file', backup]);
    for (const copy of copies) spoil(imageOf(subject), places[copy]);
    await expect(subject.stage()).toRejectWithCode('LUKS_HEADER_INVALID');
    await nothingLeft();
    tool('cryptsetup', ['luksHeaderRestore', '--batch-mode', imageOf(subject), '--header-backup-file', backup]);
    await usable(subject);
  });
});

describe('a damaged filesystem', () => {
  /** Opens the volume by hand, as its owner can: the key of this class is the passphrase of the KMS, or sealed with it. */
  async function inside(subject: NodeVolume, work: (device: string) => void): Promise<void> {
    await subject.stage();
    tool('umount', [subject.staging]);
    work(mappedOf(subject));
    await subject.unstage();
  }
  const debugfs = (device: string, request: string) => tool('debugfs', ['-w', '-R', request, device]);

  test('is mended where that is safe, and mounted', async () => {
    const subject = await used();
    await subject.unstage();
    await inside(subject, (device) => debugfs(device, 'set_super_value state 3'));
    await subject.stage();
    expect(await readSuperblock(mappedOf(subject))).not.toHaveProperty('needsCheck');
    await subject.unstage();
    await usable(subject);
  });

  test('is refused where it is not', async () => {
    const subject = await used();
    await subject.unstage();
    await inside(subject, (device) => debugfs(device, 'clri <2>'));
    await expect(subject.stage()).toRejectWithCode('FILESYSTEM_DAMAGED');
    await nothingLeft();
    await subject.delete();
  });
});

describe.each(['metadata', 'xfs'] as const)('a device that fails while its volume is in use, class %s', (className) => {
  let subject: NodeVolume;
  beforeEach(async () => {
    subject = await used(className);
    await subject.publish();
  });

  /** The folder is there: it cannot be looked at any more. */
  const stagedAgain = ({ id, staging, requests }: NodeVolume) =>
    driver.csi.node.nodeStageVolume({
      volumeId: id,
      stagingTargetPath: staging,
      volumeCapability: requests.capability,
      secrets: requests.secretsFor('node-stage'),
    });

  test('is told, and the volume goes away as any other; afterwards it holds what was synced', async () => {
    tool('dmsetup', ['wipe_table', mappingName(subject.id)]);
    expect(() => changeTwice(subject)).toThrow(/EIO|EROFS/);
    expect(await conditionOf(subject)).toMatchObject({ abnormal: true });
    await expect(stagedAgain(subject)).toRejectWithCode('LUKS_MAPPING_CONFLICT');
    await subject.unpublish();
    await subject.unstage();
    await nothingLeft();
    await usable(subject);
  });

  test('is told also when the device works again and the filesystem has stopped', async () => {
    const name = mappingName(subject.id);
    const table = tool('dmsetup', ['table', '--showkeys', name]);
    tool('dmsetup', ['wipe_table', name]);
    expect(() => changeTwice(subject)).toThrow(/EIO|EROFS/);
    tool('dmsetup', ['load', name], table);
    tool('dmsetup', ['resume', '--nolockfs', '--noflush', name]);
    const condition = await conditionOf(subject);
    expect(condition).toMatchObject({ abnormal: true, message: expect.stringContaining('filesystem') });
    await expect(stagedAgain(subject)).toRejectWithCode('FILESYSTEM_DAMAGED');
    await subject.unpublish();
    await subject.unstage();
    await usable(subject);
  });
});
