/** What the storage, the KMS or somebody else may do to a volume before it is staged: each is told by its code, and leaves nothing open, attached or mounted. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isEmpty, nodeState } from '../../demo/observe/node-state';
import type { Code } from '../../runtime/errors';
import { listMappings, mappingName } from '../../runtime/luks/mapping';
import type { VolumeDeps } from '../../runtime/volume/context';
import { CallError } from '../../tools/csi-client/call-error';
import { describeWith } from '../harness/describe-with';
import { prepareVault, TestDriver, vaultMount } from '../harness/driver';
import { filesOf, leftovers, partsOf, soundFacts, storedDek, volume } from '../harness/driver-facts';
import { NodeVolume } from '../harness/node-calls';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { editHeader } from '../unit/luks/scratch';

jest.setTimeout(120_000);
const MiB = 2 ** 20;

const tool = (command: string, args: readonly string[], input = '') =>
  execFileSync(command, args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] }).trim();

describeWith(['openbao'], 'a stage that must not succeed', () => {
  let bao: OpenBao;
  let driver: TestDriver;
  let deps: VolumeDeps;
  beforeAll(async () => {
    bao = await startOpenBao();
    driver = new TestDriver({ vault: await prepareVault(bao) });
    await driver.start();
    deps = await partsOf(driver);
  });
  afterAll(async () => {
    await deps.kms.close();
    await driver.stop();
    await bao.stop();
  });

  const imageOf = ({ id }: NodeVolume) => join(driver.backing, 'images/volumes', `${id}.img`);
  /** A volume with a file on it, not staged. */
  async function used(): Promise<NodeVolume> {
    const subject = await NodeVolume.create(driver, 'vault');
    await subject.stage();
    subject.write();
    await subject.unstage();
    return subject;
  }
  async function refused(subject: NodeVolume, code: Code): Promise<CallError> {
    const error = await subject.stage().catch((thrown: unknown) => thrown);
    await expect(Promise.reject(error)).toRejectWithCode(code);
    if (!(error instanceof CallError)) throw error;
    expect(error.details).toMatch(/\. .{5,}\.$/s);
    expect(isEmpty(await nodeState(driver.root))).toBe(true);
    expect(await leftovers(driver)).toEqual([]);
    return error;
  }
  async function usable(subject: NodeVolume): Promise<void> {
    await subject.stage();
    expect(subject.isIntact()).toBe(true);
    await subject.unstage();
    await subject.delete();
  }

  test('with a wrong key in the KMS; with the right one the data is there', async () => {
    const subject = await used();
    const path = `${vaultMount}/data/${subject.id}`;
    const { body } = await bao.expectOk('GET', path);
    await bao.expectOk('POST', path, { data: { data: { passphrase: 'another key' } } });
    await refused(subject, 'LUKS_PASSPHRASE_REJECTED');
    await bao.expectOk('POST', path, { data: body.data.data });
    await usable(subject);
  });

  test('while Vault is sealed: Unavailable; what is staged stays so, and a repeated call needs no Vault', async () => {
    const [staged, other] = [await used(), await used()];
    await staged.stage();
    await bao.seal();
    const error = await other.stage().catch((thrown: unknown) => thrown);
    expect(error instanceof CallError && [error.code, error.status]).toEqual(['KMS_SEALED', 'UNAVAILABLE']);
    await staged.stage();
    expect(staged.isIntact()).toBe(true);
    expect(await staged.expand(24 * MiB)).toBe(24 * MiB);
    expect(await listMappings()).toHaveLength(1);
    await bao.unseal();
    await staged.unstage();
    await staged.delete();
    await usable(other);
  });

  test('R1: over a device that reads zeros after it was initialised', async () => {
    const subject = await used();
    truncateSync(imageOf(subject), 0);
    truncateSync(imageOf(subject), 32 * MiB);
    await refused(subject, 'DEVICE_LOST_DATA');
    await subject.delete();
  });

  test('R1: over data of somebody, where nothing was ever written', async () => {
    const subject = await NodeVolume.create(driver, 'vault');
    tool('mkfs.ext4', ['-q', '-F', imageOf(subject)]);
    const { details } = await refused(subject, 'DEVICE_NOT_EMPTY');
    expect(details).toContain('ext4');
    expect(tool('blkid', ['-o', 'value', '-s', 'TYPE', imageOf(subject)])).toBe('ext4');
    await subject.delete();
  });

  test('R1: over the devices of two volumes, exchanged; in their places both have their data', async () => {
    const [one, two] = [await used(), await used()];
    const exchange = () => {
      renameSync(imageOf(one), `${imageOf(one)}.x`);
      renameSync(imageOf(two), imageOf(one));
      renameSync(`${imageOf(one)}.x`, imageOf(two));
    };
    exchange();
    await refused(one, 'LUKS_HEADER_FOREIGN');
    await refused(two, 'LUKS_HEADER_FOREIGN');
    exchange();
    await usable(one);
    await usable(two);
  });

  test('design §10: with the null cipher in the header', async () => {
    const subject = await used();
    editHeader(imageOf(subject), (json) =>
      Object.assign(json.segments?.['0'] ?? {}, { encryption: 'cipher_null-ecb' }),
    );
    await refused(subject, 'LUKS_HEADER_UNSAFE');
    await subject.delete();
  });

  /** Opens the volume by hand, as somebody with its key could. */
  async function opened(subject: NodeVolume, work: (device: string) => void): Promise<void> {
    using dek = await storedDek(deps, volume(subject.id));
    const loop = tool('losetup', ['--find', '--show', imageOf(subject)]);
    const name = `by-hand-${process.pid}`;
    await deps.cryptsetup.open({ device: loop, name, dek });
    work(`/dev/mapper/${name}`);
    await deps.cryptsetup.close(name);
    tool('losetup', ['--detach', loop]);
  }

  test('R1: with a filesystem of somebody else inside, which is not formatted over', async () => {
    const subject = await used();
    await opened(subject, (device) => tool('mkfs.ext4', ['-q', '-F', device]));
    await refused(subject, 'FILESYSTEM_FOREIGN');
    await opened(subject, (device) => tool('wipefs', ['--all', device]));
    await refused(subject, 'DEVICE_LOST_DATA');
    await subject.delete();
  });

  describe('R1: a mapping with the name of the volume, over another device', () => {
    let strange: string;
    let loop: string;
    const mapOver = (subject: NodeVolume) => {
      strange = join(driver.root, 'strange');
      writeFileSync(strange, '');
      truncateSync(strange, 32 * MiB);
      loop = tool('losetup', ['--find', '--show', strange]);
      tool(
        'cryptsetup',
        ['luksFormat', '-q', '--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--key-file', '-', loop],
        'k',
      );
      tool('cryptsetup', ['open', '--key-file', '-', loop, mappingName(subject.id)], 'k');
    };

    test('is closed, and the volume opened over its own', async () => {
      const subject = await used();
      mapOver(subject);
      await subject.stage();
      expect(subject.isIntact()).toBe(true);
      await soundFacts(deps, volume(subject.id));
      tool('losetup', ['--detach', loop]);
      await subject.unstage();
      await subject.delete();
    });

    test('is left alone when it is in use: told so, and nothing is mounted from it', async () => {
      const subject = await used();
      mapOver(subject);
      const place = join(driver.root, 'place');
      mkdirSync(place);
      const mapped = `/dev/mapper/${mappingName(subject.id)}`;
      tool('mkfs.ext4', ['-q', mapped]);
      tool('mount', [mapped, place]);
      await expect(subject.stage()).toRejectWithCode('LUKS_MAPPING_CONFLICT');
      expect((await nodeState(driver.root)).mounts).toEqual([place]);
      tool('umount', [place]);
      tool('cryptsetup', ['close', mappingName(subject.id)]);
      tool('losetup', ['--detach', loop]);
      await usable(subject);
    });
  });
});

describe('a disk that becomes full', () => {
  test('while a volume is copied: ResourceExhausted, and nothing is left of the copy', async () => {
    const driver = new TestDriver();
    mkdirSync(driver.backing, { recursive: true });
    tool('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'small', driver.backing]);
    try {
      await driver.start();
      const subject = await NodeVolume.create(driver, 'metadata');
      await subject.stage();
      subject.write();
      await subject.unstage();
      const before = filesOf(driver);
      const { bavail, bsize } = statfsSync(driver.backing);
      writeFileSync(join(driver.backing, 'ballast'), Buffer.alloc(bavail * bsize - 2 * MiB, 1));
      const source = { type: { case: 'volume', value: { volumeId: subject.id } } } as const;
      const error = await driver.csi.controller
        .createVolume(driver.claim('metadata').createVolume(source))
        .catch((thrown: unknown) => thrown);
      expect(error instanceof CallError && [error.code, error.status]).toEqual(['STORAGE_FULL', 'RESOURCE_EXHAUSTED']);
      expect(filesOf(driver).filter((path) => !path.endsWith('ballast'))).toEqual(before);
      await subject.stage();
      expect(subject.isIntact()).toBe(true);
      await subject.unstage();
      await driver.pod.stop();
    } finally {
      tool('umount', [driver.backing]);
      await driver.stop();
    }
  });
});
