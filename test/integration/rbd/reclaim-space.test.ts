/** Space of an image in its storage (CSI-Addons, ControllerReclaimSpace): the driver is a process, as in a cluster. */
import { passphraseSecretKey } from '../../../lib/schema/names';
import { CEPH_TOOLS, type Ceph, startCeph } from '../../harness/ceph';
import { describeWith } from '../../harness/describe-with';
import { pool, RbdDriver } from '../../harness/rbd-driver';
import { RbdVolume } from '../../harness/rbd-volume';
import { watch } from './images-fixture';

jest.setTimeout(600_000);

describeWith(CEPH_TOOLS, 'reclaiming space of images', () => {
  let ceph: Ceph;
  let driver: RbdDriver;
  beforeAll(async () => {
    ceph = await startCeph();
    driver = await RbdDriver.start({
      ceph,
      kms: () => ({ phrase: { type: 'metadata', secretName: 'phrase', secretNamespace: 'keyward-system' } }),
      secrets: { [`keyward-system/phrase/${passphraseSecretKey}`]: 'a passphrase for tests' },
    });
  });
  afterAll(async () => {
    await driver?.stop();
    await ceph?.stop();
  });

  const reclaim = (volumeId: string) =>
    driver.csi.reclaimController.controllerReclaimSpace({ volumeId, secrets: driver.secrets });
  const objects = async () => (await ceph.rados(['-p', pool, 'ls'])).split('\n');

  test('gives back zeros of a volume, in use or not, and may be repeated', async () => {
    const volume = await RbdVolume.create(driver, { kms: 'phrase', parameters: { imageFeatures: 'layering' } });
    const { id } = JSON.parse(await ceph.rbd(['info', '--format', 'json', `${pool}/${volume.image}`]));
    const zeros = `rbd_data.${id}.0000000000000001`;
    for (const isOpen of [false, true]) {
      await ceph.rados(['-p', pool, 'create', zeros]);
      await ceph.rados(['-p', pool, 'truncate', zeros, '65536']);
      expect(await objects()).toContain(zeros);
      await using _watcher = isOpen ? await watch(ceph, `${pool}/${volume.image}`) : undefined;
      expect(await reclaim(volume.id)).toMatchObject({});
      expect(await objects()).not.toContain(zeros);
      await reclaim(volume.id);
    }
    await volume.delete();
  });

  test('refuses a volume that is not there, and none', async () => {
    const volume = await RbdVolume.create(driver, { kms: 'phrase' });
    await volume.delete();
    await expect(reclaim(volume.id)).rejects.toMatchObject({ code: 'VOLUME_NOT_FOUND', status: 'NOT_FOUND' });
    await expect(reclaim('')).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });
});
