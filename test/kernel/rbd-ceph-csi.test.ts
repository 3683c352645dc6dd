/**
 * Volumes that ceph-csi made, taken over by keyward, and volumes of keyward, taken over by ceph-csi, whose part is played with
 * its commands (test/harness/ceph-csi.ts). Over a real Ceph and a real OpenBao.
 */
import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CEPH_TOOLS, type Ceph, startCeph } from '../harness/ceph';
import { CephCsi, wrappedKey } from '../harness/ceph-csi';
import { cryptsetup } from '../harness/ceph-csi-keyslots';
import { unwrapWithPassphrase } from '../harness/ceph-csi-passphrase';
import { describeWith } from '../harness/describe-with';
import { prepareVault, vaultMount } from '../harness/driver';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { pool, RbdDriver } from '../harness/rbd-driver';
import { leftInPool, leftOnNode } from '../harness/rbd-facts';
import { RbdVolume } from '../harness/rbd-volume';
import { cephCsiVolumes, keyPrefix, MiB, passphrase } from './ceph-csi-volumes';

jest.setTimeout(60 * 60_000);

describeWith([...CEPH_TOOLS, 'openbao'], 'volumes of ceph-csi', () => {
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
          passphrasePath: keyPrefix,
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

  const { storeInVault, inVault, inMetadata, known, writeFile, keyInVault, opens, used, holdsFile } = cephCsiVolumes(
    () => ({ bao, driver, cephCsi }),
  );

  test('one with its key in Vault is staged, expanded in use, rotated, staged again and deleted', async () => {
    const { made, subject } = await used();
    await subject.stage();
    expect(holdsFile(subject.staging)).toBe(true);
    const before = await subject.filesystemBytes();
    await subject.expand(96 * MiB);
    expect((await subject.filesystemBytes()) - before).toBeGreaterThan(24 * MiB);
    const { size } = JSON.parse(await ceph.rbd(['info', '--format', 'json', `${pool}/${made.image}`]));
    // As ceph-csi has it: the size of the claim is that of the image, header included.
    expect(size).toBe(96 * MiB);
    await subject.rotate();
    const rotated = await keyInVault(made);
    expect(rotated).not.toBe(made.passphrase);
    await subject.unstage();
    const device = await cephCsi.map(made);
    expect([await opens(device, made.passphrase), await opens(device, rotated)]).toEqual([false, true]);
    await cephCsi.unmap(device);
    await subject.stage();
    expect(holdsFile(subject.staging)).toBe(true);
    await subject.unstage();
    await subject.delete();
  });

  test('one with its key wrapped in the metadata of its image is staged, rotated and deleted', async () => {
    const { made, subject } = await used(inMetadata);
    await subject.stage();
    expect(holdsFile(subject.staging)).toBe(true);
    await subject.rotate();
    await subject.unstage();
    const { [wrappedKey]: wrapped = '' } = await cephCsi.metadata(made);
    const rotated = unwrapWithPassphrase(passphrase, made.id, wrapped);
    expect(rotated).not.toBe(made.passphrase);
    const device = await cephCsi.map(made);
    await cephCsi.open(made, device, rotated);
    await cephCsi.close(made);
    await cephCsi.unmap(device);
    await subject.stage();
    expect(holdsFile(subject.staging)).toBe(true);
    await subject.unstage();
    await subject.delete();
  });

  test('one is snapshotted, restored and cloned, never having been staged by keyward', async () => {
    const { made, subject } = await used();
    const snapshotId = await subject.snapshot('of-ceph-csi');
    const from = (source: 'snapshot' | 'volume') => ({
      ...driver.claim({ kms: 'vault' }),
      volumeContentSource:
        source === 'snapshot'
          ? ({ type: { case: 'snapshot', value: { snapshotId } } } as const)
          : ({ type: { case: 'volume', value: { volumeId: made.id } } } as const),
    });
    const copies = [await RbdVolume.made(driver, from('snapshot')), await RbdVolume.made(driver, from('volume'))];
    for (const copy of copies) {
      await copy.stage();
      expect(holdsFile(copy.staging)).toBe(true);
      await copy.unstage();
      const device = await cephCsi.map(copy);
      expect(await opens(device, made.passphrase)).toBe(false);
      expect(await opens(device, await keyInVault(copy))).toBe(true);
      await cephCsi.unmap(device);
    }
    await subject.stage();
    expect(holdsFile(subject.staging)).toBe(true);
    await subject.unstage();
    await driver.csi.controller.deleteSnapshot({ snapshotId, secrets: driver.secrets });
    for (const each of [subject, ...copies]) await each.delete();
  });

  test('one that was prepared and never staged is formatted by keyward, and opens with the commands of ceph-csi', async () => {
    const made = await cephCsi.create(inVault);
    const subject = known(made);
    await subject.stage();
    writeFile(subject.staging);
    await subject.unstage();
    expect(await cephCsi.metadata(made)).toMatchObject({
      'rbd.csi.ceph.com/encrypted': 'encrypted',
      'rbd.csi.ceph.com/luks2HeaderSize': `${16 * MiB}`,
    });
    const device = await cephCsi.map(made);
    await cephCsi.open(made, device, made.passphrase);
    await cephCsi.close(made);
    await cephCsi.unmap(device);
    await subject.stage();
    expect(holdsFile(subject.staging)).toBe(true);
    await subject.unstage();
    await subject.delete();
  });

  test.each(['inside luksFormat', 'after luksFormat'])(
    'one whose first stage was killed %s is staged',
    async (where) => {
      const made = await cephCsi.create(inVault);
      const subject = known(made);
      const device = await cephCsi.map(made);
      await cephCsi.format(device, made.passphrase);
      // What luksFormat has written before it has derived the first key: a header without keyslots.
      if (where === 'inside luksFormat') await cryptsetup(['-q', 'luksErase', device]);
      await cephCsi.unmap(device);
      await subject.stage();
      subject.write();
      await subject.unstage();
      await subject.stage();
      expect(subject.isIntact()).toBe(true);
      await subject.unstage();
      await subject.delete();
    },
  );

  test('refuses to format one without keyslots that holds data: its header is to be restored', async () => {
    const { made, subject } = await used();
    const device = await cephCsi.map(made);
    const backup = join(driver.root, 'header');
    await cryptsetup(['luksHeaderBackup', device, '--header-backup-file', backup]);
    await cryptsetup(['-q', 'luksErase', device]);
    await cephCsi.setMetadata(made, { 'rbd.csi.ceph.com/encrypted': 'encryptionPrepared' });
    await expect(subject.stage()).toRejectWithCode('LUKS_NO_USABLE_KEYSLOT');
    // Where it was attached before, it may still be.
    await cryptsetup(['-q', 'luksHeaderRestore', await cephCsi.map(made), '--header-backup-file', backup]);
    await subject.stage();
    expect(holdsFile(subject.staging)).toBe(true);
    await subject.unstage();
    await subject.delete();
  });

  test('a volume of keyward has all that ceph-csi reads, opens with its commands, and survives its rotation', async () => {
    const request = driver.claim({ kms: 'vault' });
    const subject = await RbdVolume.made(driver, request);
    await subject.stage();
    subject.write();
    await subject.rotate();
    await subject.unstage();

    const volume = { id: subject.id, uuid: subject.uuid, image: subject.image, name: request.name };
    expect(await cephCsi.journal('csi.volumes.default')).toEqual({ [`csi.volume.${request.name}`]: subject.uuid });
    const { id: imageId } = JSON.parse(await ceph.rbd(['info', '--format', 'json', `${pool}/${subject.image}`]));
    expect(await cephCsi.journal(`csi.volume.${subject.uuid}`)).toMatchObject({
      'csi.volname': request.name,
      'csi.imagename': subject.image,
      'csi.imageid': imageId,
      'csi.volume.owner': 'shop',
      'csi.volume.encryptKMS': 'vault',
      'csi.volume.encryptionType': 'block',
    });
    expect(await cephCsi.metadata(volume)).toMatchObject({
      'rbd.csi.ceph.com/encrypted': 'encrypted',
      'rbd.csi.ceph.com/luks2HeaderSize': `${16 * MiB}`,
    });
    const device = await cephCsi.map(volume);
    const old = await keyInVault(volume);
    await cephCsi.rotate(device, old, (next) => storeInVault(volume, next));
    const next = await keyInVault(volume);
    expect([await opens(device, old), await opens(device, next)]).toEqual([false, true]);
    const mapped = await cephCsi.open(volume, device, next);
    await cephCsi.mount(volume, mapped, join(driver.root, 'other'));
    expect(readFileSync(join(driver.root, 'other', volume.id, 'data')).length).toBe(MiB);
    await cephCsi.unstage(volume, join(driver.root, 'other'));
    await subject.stage();
    expect(subject.isIntact()).toBe(true);
    await subject.rotate();
    await subject.unstage();
    await subject.delete();
  });

  test('one that is in use on this node is published to another pod, expanded and unstaged by keyward', async () => {
    const made = await cephCsi.create(inVault);
    const subject = known(made);
    const place = await cephCsi.stage(made, subject.staging);
    writeFile(place);

    await subject.publish();
    expect(holdsFile(subject.target)).toBe(true);
    const before = statfsSync(subject.target).blocks;
    await subject.expand(96 * MiB, subject.target);
    expect(statfsSync(subject.target).blocks).toBeGreaterThan(before);
    await subject.unpublish();
    await subject.unstage();
    expect(existsSync(join(subject.staging, 'image-meta.json'))).toBe(false);
    expect(await leftOnNode(driver.root)).toEqual([]);
    await subject.stage();
    expect(holdsFile(subject.staging)).toBe(true);
    await subject.unstage();
    await subject.delete();
  });

  test('a raw block volume that is in use on this node is published to another pod and unstaged by keyward', async () => {
    const made = await cephCsi.create(inVault);
    const subject = known(made, 'vault', true);
    const device = await cephCsi.map(made);
    await cephCsi.format(device, made.passphrase);
    await cephCsi.noteEncrypted(made);
    await cephCsi.bind(made, await cephCsi.open(made, device, made.passphrase), subject.staging);
    subject.write();
    await subject.publish();
    expect(statSync(subject.target).rdev).toBe(statSync(subject.mapped).rdev);
    await subject.unpublish();
    await subject.unstage();
    expect(readdirSync(subject.staging)).toEqual([]);
    await subject.stage();
    expect(subject.isIntact()).toBe(true);
    await subject.unstage();
    await subject.delete();
  });

  test('one that is in use on this node may be staged once more: the kubelet repeats calls', async () => {
    const made = await cephCsi.create(inVault);
    const subject = known(made);
    writeFile(await cephCsi.stage(made, subject.staging));
    await subject.publish();
    await subject.stage();
    expect(holdsFile(subject.target)).toBe(true);
    expect(holdsFile(subject.staging)).toBe(true);
    await subject.unpublish();
    await subject.unstage();
    expect(await leftOnNode(driver.root)).toEqual([]);
    await subject.delete();
  });

  // Once, and last: it takes the guest seconds.
  test('nothing of all of them is left: no image, journal entry or key', async () => {
    expect(await leftInPool(ceph)).toEqual([]);
    expect((await bao.request('LIST', `${vaultMount}/metadata/${keyPrefix}`)).status).toBe(404);
  });
});
