/** Snapshots, restores and clones over a real Ceph: what they hold, which keys open them, and what kills and deletions do. */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { CEPH_TOOLS, type Ceph, startCeph } from '../harness/ceph';
import { CephCsi, wrappedKey } from '../harness/ceph-csi';
import { cryptsetup } from '../harness/ceph-csi-keyslots';
import { unwrapWithPassphrase } from '../harness/ceph-csi-passphrase';
import { describeWith } from '../harness/describe-with';
import { prepareVault, vaultMount } from '../harness/driver';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { dieInTurn, endKeyLock } from '../harness/rbd-deaths';
import { RbdDriver } from '../harness/rbd-driver';
import { leftInPool, leftOnNode } from '../harness/rbd-facts';
import { RbdVolume } from '../harness/rbd-volume';

jest.setTimeout(60 * 60_000);

const passphrase = 'of the administrator';
const blockBytes = 4096;

describeWith([...CEPH_TOOLS, 'openbao'], 'copies of volumes in Ceph', () => {
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
        metadata: { type: 'metadata' },
      }),
      secrets: { 'keyward-system/vault/token': vault.token },
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

  const secrets = () => ({ ...driver.secrets, encryptionPassphrase: passphrase });
  const claim = (kms = 'vault') => ({ ...driver.claim({ kms }), secrets: secrets() });
  const restore = (snapshotId: string, kms?: string) => ({
    ...claim(kms),
    volumeContentSource: { type: { case: 'snapshot', value: { snapshotId } } } as const,
  });
  const clone = ({ id: volumeId }: RbdVolume, kms?: string) => ({
    ...claim(kms),
    volumeContentSource: { type: { case: 'volume', value: { volumeId } } } as const,
  });
  const make = async (request: ReturnType<typeof claim>) => {
    const { id } = await RbdVolume.made(driver, request);
    return new RbdVolume(driver, id, { secrets: secrets() });
  };
  /** Made, written and unstaged. */
  const used = async () => {
    const subject = await make(claim());
    await subject.stage();
    subject.write();
    await subject.unstage();
    return subject;
  };
  const remove = async (...volumes: readonly RbdVolume[]) => {
    for (const volume of volumes) await volume.delete();
  };
  const removeSnapshot = (snapshotId: string) =>
    driver.csi.controller.deleteSnapshot({ snapshotId, secrets: secrets() });
  const keyInVault = async ({ id }: Pick<RbdVolume, 'id'>): Promise<string> =>
    (await bao.expectOk('GET', `${vaultMount}/data/${id}`)).body.data.data.data.passphrase;
  /** What the header of an unstaged volume says, and which keys open it. */
  const headerOf = async (volume: RbdVolume, ...keys: readonly string[]) => {
    const device = await cephCsi.map(volume);
    const luksUuid = (await cryptsetup(['luksUUID', device])).trim();
    const opens: boolean[] = [];
    for (const key of keys) {
      const tried = cryptsetup(['open', '--test-passphrase', '--key-file', '-', device], key);
      opens.push(
        await tried.then(
          () => true,
          () => false,
        ),
      );
    }
    await cephCsi.unmap(device);
    return { luksUuid, opens };
  };
  /** Its first stage, then: another volume's data, under a key and a UUID of its own (R13). */
  const expectOwn = async (copy: RbdVolume, source: RbdVolume, sourceKeys: readonly string[], ownKey?: string) => {
    await copy.stage();
    expect(copy.isIntact(source.id)).toBe(true);
    await copy.unstage();
    const own = ownKey ?? (await keyInVault(copy));
    const { opens, luksUuid } = await headerOf(copy, own, ...sourceKeys);
    expect(opens).toEqual([true, ...sourceKeys.map(() => false)]);
    return luksUuid;
  };

  test('R13: copies of a volume in use hold one instant of it, and after their first stage no key but their own opens them', async () => {
    const source = await make(claim());
    await source.stage();
    source.write();
    const writer = new Writer(join(source.staging, 'log'));
    const run = writer.run();
    await writer.reaches(20);
    const instants: [number, number][] = [];
    const during = async <T>(action: () => Promise<T>): Promise<T> => {
      const before = writer.durable;
      const result = await action();
      instants.push([before, writer.durable]);
      return result;
    };
    const snapshotId = await during(() => source.snapshot('in-use'));
    const restored = await make(restore(snapshotId));
    const cloned = await during(() => make(clone(source)));
    await writer.reaches(writer.durable + 20);
    writer.stop();
    await run;
    const sourceKey = await keyInVault(source);
    await source.unstage();
    const uuids = [(await headerOf(source)).luksUuid];
    for (const [index, copy] of [restored, cloned].entries()) {
      uuids.push(await expectOwn(copy, source, [sourceKey]));
      await copy.stage();
      const held = heldBlocks(join(copy.staging, 'log'));
      await copy.unstage();
      const [atLeast = 0, atMost = 0] = instants[index] ?? [];
      expect(held).toBeGreaterThanOrEqual(atLeast);
      // One more than was durable may have been on its way.
      expect(held).toBeLessThanOrEqual(atMost + 1);
    }
    expect(new Set(uuids).size).toBe(3);
    // Neither needs the other any more.
    await removeSnapshot(snapshotId);
    await source.delete();
    for (const copy of [restored, cloned]) {
      await copy.stage();
      expect(copy.isIntact(source.id)).toBe(true);
      await copy.unstage();
    }
    await remove(restored, cloned);
  });

  test('a copy of a copy, staged or not, holds the data, under a key of its own', async () => {
    const source = await used();
    const first = await make(clone(source));
    const ofUnstaged = await make(clone(first));
    const firstKeyBefore = await keyInVault(first);
    await expectOwn(first, source, [await keyInVault(source)]);
    const ofStaged = await make(clone(first));
    const keys = [await keyInVault(source), firstKeyBefore, await keyInVault(first)];
    const uuids = [await expectOwn(ofUnstaged, source, keys), await expectOwn(ofStaged, source, keys)];
    for (const each of [source, first]) uuids.push((await headerOf(each)).luksUuid);
    expect(new Set(uuids).size).toBe(4);
    await remove(source, first, ofUnstaged, ofStaged);
  });

  test('a copy into a class with another KMS has its key there and nowhere else', async () => {
    const source = await used();
    const copy = await make(clone(source, 'metadata'));
    expect((await bao.request('GET', `${vaultMount}/data/${copy.id}`)).status).toBe(404);
    const wrapped = async () => {
      const { [wrappedKey]: text = '' } = await cephCsi.metadata(copy);
      return unwrapWithPassphrase(passphrase, copy.id, text);
    };
    const sourceKey = await keyInVault(source);
    // Handed on until the first stage.
    expect(await wrapped()).toBe(sourceKey);
    await copy.stage();
    expect(copy.isIntact(source.id)).toBe(true);
    await copy.unstage();
    expect((await headerOf(copy, await wrapped(), sourceKey)).opens).toEqual([true, false]);
    expect((await headerOf(source, sourceKey)).opens).toEqual([true]);
    await remove(source, copy);
  });

  test('a copy whose source is rotated before its first stage opens, and no key of the source opens it afterwards', async () => {
    const source = await used();
    const snapshotId = await source.snapshot('before-rotation');
    const copies = [await make(clone(source))];
    const old = await keyInVault(source);
    await source.stage();
    await source.rotate();
    await source.unstage();
    copies.push(await make(restore(snapshotId)));
    const rotated = await keyInVault(source);
    expect(rotated).not.toBe(old);
    for (const copy of copies) await expectOwn(copy, source, [old, rotated]);
    await removeSnapshot(snapshotId);
    await remove(source, ...copies);
  });

  test('a restore outlives a kill at each step of its creation and of its first stage', async () => {
    const source = await used();
    const snapshotId = await source.snapshot('killed');
    const request = restore(snapshotId);
    const created = await dieInTurn(driver, 'create', () => driver.csi.controller.createVolume(request));
    expect(created.points).toEqual(['begin', 'record', 'key', 'image', 'complete'].map((step) => `create:${step}`));
    const copy = new RbdVolume(driver, created.answer.volume?.volumeId ?? '', { secrets: secrets() });
    const staged = await dieInTurn(
      driver,
      'stage',
      () => copy.stage(),
      () => endKeyLock(ceph, copy.uuid),
    );
    expect(staged.points).toEqual(expect.arrayContaining(['stage:attach', 'stage:own-header', 'stage:mount']));
    expect(copy.isIntact(source.id)).toBe(true);
    await copy.unstage();
    await expectOwn(copy, source, [await keyInVault(source)]);
    await removeSnapshot(snapshotId);
    await remove(source, copy);
  });

  test('a clone outlives a kill at each step in which it takes a key of its own', async () => {
    const source = await used();
    const copy = await make(clone(source));
    const { points } = await dieInTurn(
      driver,
      'rotate',
      () => copy.stage(),
      () => endKeyLock(ceph, copy.uuid),
    );
    expect(points).toEqual(expect.arrayContaining(['rotate:add-keyslot', 'rotate:replace-key', 'rotate:finish']));
    await copy.unstage();
    await expectOwn(copy, source, [await keyInVault(source)]);
    await remove(source, copy);
  });

  // Once, and last: it takes the guest seconds.
  test('nothing of all of them is left: no image, journal entry or key', async () => {
    expect(await leftInPool(ceph)).toEqual([]);
    expect((await bao.request('LIST', `${vaultMount}/metadata`)).status).toBe(404);
  });
});

/** A pod that appends numbered blocks, each of them durable before the next. */
class Writer {
  durable = 0;
  readonly #path: string;
  #isStopped = false;

  constructor(path: string) {
    this.#path = path;
  }

  async run(): Promise<void> {
    const file = openSync(this.#path, 'w');
    try {
      while (!this.#isStopped) {
        writeSync(file, blockOf(this.durable));
        fsyncSync(file);
        this.durable += 1;
        await turn();
      }
    } finally {
      closeSync(file);
    }
  }

  async reaches(count: number): Promise<void> {
    while (this.durable < count) await turn();
  }

  stop(): void {
    this.#isStopped = true;
  }
}

function blockOf(number: number): Buffer {
  return Buffer.alloc(blockBytes, `${number},`);
}

/** How many blocks of a {@link Writer} are there; fails when one of them is not what was written. */
function heldBlocks(path: string): number {
  const content = readFileSync(path);
  const count = Math.floor(content.length / blockBytes);
  for (let number = 0; number < count; number += 1) {
    const block = content.subarray(number * blockBytes, (number + 1) * blockBytes);
    if (!block.equals(blockOf(number))) return number;
  }
  return count;
}
