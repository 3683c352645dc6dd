/**
 * What may happen to volumes in Ceph that must not lose anything: each is told by its code, leaves nothing attached, and the
 * next call mends it, or succeeds when somebody has. Over a real Ceph and a real OpenBao.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Code } from '../../runtime/errors';
import { readHeader } from '../../runtime/luks/header';
import { CallError } from '../../tools/csi-client/call-error';
import { CEPH_TOOLS, type Ceph, startCeph } from '../harness/ceph';
import { CephCsi } from '../harness/ceph-csi';
import { describeWith } from '../harness/describe-with';
import { prepareVault, vaultMount } from '../harness/driver';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { pool, RbdDriver } from '../harness/rbd-driver';
import { leftInPool, leftOnNode, mappedImages } from '../harness/rbd-facts';
import { RbdVolume } from '../harness/rbd-volume';
import { watch } from '../integration/rbd/images-fixture';
import { editHeader } from '../unit/luks/scratch';
import { overwrite, readStart, spoil } from './device-bytes';

jest.setTimeout(60 * 60_000);

const MiB = 2 ** 20;
/** Of both copies of a header. */
const headerCopiesBytes = 32 * 1024;

const tool = (command: string, args: readonly string[]) => execFileSync(command, args, { encoding: 'utf8' }).trim();

describeWith([...CEPH_TOOLS, 'openbao'], 'volumes in Ceph, and what must not go wrong with them', () => {
  let bao: OpenBao;
  let ceph: Ceph;
  let driver: RbdDriver;
  let cephCsi: CephCsi;
  beforeAll(async () => {
    [bao, ceph] = [await startOpenBao(), await startCeph()];
    const vault = await prepareVault(bao);
    driver = await RbdDriver.start({
      ceph,
      kms: (secrets) => ({
        vault: {
          type: 'vault',
          address: vault.address,
          backend: 'kv-v2',
          backendPath: vaultMount,
          auth: { method: 'token', tokenFile: join(secrets, 'keyward-system/vault/token') },
        },
      }),
      secrets: { 'keyward-system/vault/token': vault.token },
      backend: { mapTimeoutSeconds: 30 },
    });
    cephCsi = await CephCsi.over(ceph);
  });
  afterAll(async () => {
    await driver?.stop();
    await Promise.all([ceph?.stop(), bao?.stop()]);
  });
  afterEach(async () => {
    expect(await leftOnNode(driver.root)).toEqual([]);
  });

  const create = () => RbdVolume.create(driver, { kms: 'vault' });
  /** Made, written and unstaged. */
  async function used(): Promise<RbdVolume> {
    const subject = await create();
    await subject.stage();
    subject.write();
    await subject.unstage();
    return subject;
  }
  async function usable(subject: RbdVolume): Promise<void> {
    await subject.stage();
    expect(subject.isIntact()).toBe(true);
    await subject.unstage();
    await subject.delete();
  }
  /** The call fails with the code, and with a text that ends with what to do. */
  async function fails(call: Promise<unknown>, code: Code): Promise<void> {
    const error = await call.catch((thrown: unknown) => thrown);
    await expect(Promise.reject(error)).toRejectWithCode(code);
    if (error instanceof CallError) expect(error.details).toMatch(/\. .{5,}\.$/s);
  }
  async function refused(subject: RbdVolume, code: Code): Promise<void> {
    await fails(subject.stage(), code);
    expect(await leftOnNode(driver.root)).toEqual([]);
  }
  const rename = (from: string, to: string) => ceph.rbd(['rename', `${pool}/${from}`, `${pool}/${to}`]);
  /** Works on the device of an unstaged volume, past the driver. */
  async function onDevice(subject: RbdVolume, work: (device: string) => void): Promise<void> {
    const device = await cephCsi.map(subject);
    try {
      work(device);
      tool('blockdev', ['--flushbufs', device]);
    } finally {
      await cephCsi.unmap(device);
    }
  }
  const deviceOf = ({ image }: RbdVolume) => mappedImages().find((each) => each.image === image)?.device ?? '';
  /** Whether writes do not reach the device any more. */
  async function cannotWrite({ staging }: RbdVolume): Promise<boolean> {
    try {
      await writeFile(join(staging, 'more'), 'x', { flush: true });
      return false;
    } catch {
      return true;
    }
  }

  describe('a device that is not as the record says', () => {
    // One for all: each test leaves it as it found it.
    let subject: RbdVolume;
    beforeAll(async () => {
      subject = await used();
    });
    afterAll(() => subject.delete());
    const isWhole = async () => {
      await subject.stage();
      expect(subject.isIntact()).toBe(true);
      await subject.unstage();
    };

    test('R1: of another volume: both are refused; in their places both have their data', async () => {
      const other = await used();
      const exchange = async () => {
        await rename(subject.image, 'aside');
        await rename(other.image, subject.image);
        await rename('aside', other.image);
      };
      await exchange();
      await refused(subject, 'LUKS_HEADER_FOREIGN');
      await refused(other, 'LUKS_HEADER_FOREIGN');
      await exchange();
      await isWhole();
      await usable(other);
    });

    test('R1: one that reads zeros is not formatted; with the right one the data is there', async () => {
      await rename(subject.image, 'aside');
      await ceph.rbd(['create', '--size', `${80 * MiB}B`, `${pool}/${subject.image}`]);
      await refused(subject, 'DEVICE_LOST_DATA');
      await ceph.rbd(['rm', '--no-progress', `${pool}/${subject.image}`]);
      await rename('aside', subject.image);
      await isWhole();
    });

    test('design §10: a null cipher, and another UUID; with its own header the data is there', async () => {
      let backup: Buffer = Buffer.alloc(0);
      await onDevice(subject, (device) => {
        backup = readStart(device, headerCopiesBytes);
        const copies = join(driver.root, 'header');
        writeFileSync(copies, backup);
        editHeader(copies, (json) => Object.assign(json.segments?.['0'] ?? {}, { encryption: 'cipher_null-ecb' }));
        overwrite(device, 0, readFileSync(copies));
      });
      await refused(subject, 'LUKS_HEADER_UNSAFE');
      await onDevice(subject, (device) => {
        overwrite(device, 0, backup);
        tool('cryptsetup', ['luksUUID', '-q', '--uuid', '11111111-2222-4333-8444-555555555555', device]);
      });
      await refused(subject, 'LUKS_HEADER_FOREIGN');
      await onDevice(subject, (device) => overwrite(device, 0, backup));
      await isWhole();
    });

    test('a damaged primary header: the backup opens, and mends it', async () => {
      await onDevice(subject, (device) => spoil(device, 4200));
      await subject.stage();
      expect(subject.isIntact()).toBe(true);
      expect((await readHeader(deviceOf(subject))).damagedCopy).toBeUndefined();
      await subject.unstage();
      await onDevice(subject, (device) => spoil(device, 16 * 1024 + 4200));
      await isWhole();
    });

    test('a wrong key in the KMS; with the right one the data is there', async () => {
      const path = `${vaultMount}/data/${subject.id}`;
      const { body } = await bao.expectOk('GET', path);
      await bao.expectOk('POST', path, { data: { data: { passphrase: 'another key' } } });
      await refused(subject, 'LUKS_PASSPHRASE_REJECTED');
      await bao.expectOk('POST', path, { data: body.data.data });
      await isWhole();
    });

    test('metadata that disagree: what was used is not formatted, what is blank and called encrypted is refused', async () => {
      const state = 'rbd.csi.ceph.com/encrypted';
      await cephCsi.setMetadata(subject, { [state]: 'encryptionPrepared', 'rbd.csi.ceph.com/luks2HeaderSize': '4096' });
      await isWhole();
      const fresh = await create();
      await cephCsi.setMetadata(fresh, { [state]: 'encrypted' });
      await refused(fresh, 'LUKS_NOT_LUKS');
      await cephCsi.setMetadata(fresh, { [state]: 'encryptionPrepared' });
      await fresh.stage();
      fresh.write();
      await fresh.unstage();
      await usable(fresh);
    });

    test('a filesystem that needs repair: done where that is safe, refused where it is not', async () => {
      const inside = async (request: string) => {
        await subject.stage();
        tool('umount', [subject.staging]);
        tool('debugfs', ['-w', '-R', request, subject.mapped]);
        await subject.unstage();
      };
      await inside('set_super_value state 3');
      await subject.stage();
      expect(subject.isIntact()).toBe(true);
      await subject.unstage();
      await inside('clri <2>');
      // The last of the tests: a filesystem without its root has no way back.
      await refused(subject, 'FILESYSTEM_DAMAGED');
    });
  });

  test('refuses to stage what another client has open, and stages it when that has let go', async () => {
    const subject = await used();
    {
      await using _watcher = await watch(ceph, `${pool}/${subject.image}`);
      await refused(subject, 'VOLUME_IN_USE');
    }
    await usable(subject);
  });

  test('a monitor that goes away: staging ends in time, unstaging needs none; when it is back, all volumes are', async () => {
    const [staged, other] = [await used(), await used()];
    await staged.stage();
    await ceph.withoutMonitor(async () => {
      await fails(other.stage(), 'CEPH_UNREACHABLE');
      expect(staged.isIntact()).toBe(true);
      await staged.unstage();
    });
    await usable(staged);
    await usable(other);
  });

  describe('a volume in use whose device fails', () => {
    async function goesAndComesBack(subject: RbdVolume): Promise<void> {
      expect(await cannotWrite(subject)).toBe(true);
      const condition = async () =>
        (await driver.csi.node.nodeGetVolumeStats({ volumeId: subject.id, volumePath: subject.staging }))
          .volumeCondition;
      // ext4 fails what it has begun, and stops at the first write after its journal was aborted, which may be seconds later.
      while (!(await condition())?.abnormal) expect(await cannotWrite(subject)).toBe(true);
      await subject.unstage();
      expect(await leftOnNode(driver.root)).toEqual([]);
      await usable(subject);
    }

    test('because it was unmapped by force: told, unstaged as any other, and what was synced is there', async () => {
      const subject = await create();
      await subject.stage();
      subject.write();
      await ceph.rbd(['unmap', '-o', 'noudev,force', deviceOf(subject)]);
      await goesAndComesBack(subject);
    });

    test('because the cluster shut out its client: told, unstaged, and staged by another client', async () => {
      const subject = await create();
      await subject.stage();
      subject.write();
      const number = basename(deviceOf(subject)).slice('rbd'.length);
      const address = readFileSync(`/sys/bus/rbd/devices/${number}/client_addr`, 'utf8').trim();
      await ceph.ceph(['osd', 'blocklist', 'add', address]);
      while (!(await cannotWrite(subject))) await pause(200);
      await goesAndComesBack(subject);
      await ceph.ceph(['osd', 'blocklist', 'rm', address]);
    });
  });

  test('50 stage calls at once for 5 volumes: each succeeds or says that it is being done, and each volume is staged once', async () => {
    const volumes: RbdVolume[] = [];
    for (let made = 0; made < 5; made += 1) volumes.push(await create());
    const calls = Array.from({ length: 50 }, (_, index) => volumes[index % 5] as RbdVolume);
    const outcomes = await Promise.allSettled(calls.map((each) => each.stage()));
    const codes = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'OK' : outcome.reason.code));
    expect(new Set([...codes, 'OK', 'VOLUME_BUSY'])).toEqual(new Set(['OK', 'VOLUME_BUSY']));
    for (const each of volumes) await each.stage();
    expect(
      mappedImages()
        .map(({ image }) => image)
        .sort(),
    ).toEqual(volumes.map(({ image }) => image).sort());
    for (const each of volumes) {
      each.write();
      await each.unstage();
    }
    await Promise.all(volumes.map((each) => usable(each)));
  });

  // Once, and last: it takes the guest seconds.
  test('nothing of all of them is left: no image, journal entry or key', async () => {
    expect(await leftInPool(ceph)).toEqual([]);
    expect((await bao.request('LIST', `${vaultMount}/metadata`)).status).toBe(404);
  });
});
