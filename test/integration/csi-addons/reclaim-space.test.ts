/** Space is reclaimed through the stock controller and sidecar; what trimming frees is in test/kernel. */

import { passphraseSecretKey } from '../../../lib/schema/names';
import { Secret } from '../../../runtime/secret';
import { AddonsObjects } from '../../harness/addons-objects';
import { CsiAddons, csiAddonsComponents } from '../../harness/csi-addons';
import { describeWith } from '../../harness/describe-with';
import { passphrase, TestDriver } from '../../harness/driver';

jest.setTimeout(400_000);

describeWith(csiAddonsComponents, 'jobs that reclaim space', () => {
  let driver: TestDriver;
  let addons: CsiAddons;
  let shop: AddonsObjects;
  beforeAll(async () => {
    driver = new TestDriver({ csiAddons: true });
    await driver.start();
    addons = await CsiAddons.start(driver, ['shop']);
    await addons.createSecret('passphrase', { [passphraseSecretKey]: Secret.fromText(passphrase) });
    shop = new AddonsObjects(addons, driver.manifests, 'shop');
  });
  afterAll(async () => {
    await addons?.stop();
    await driver?.stop();
  });

  const kind = 'ReclaimSpaceJob';
  async function startJob(name: string, volumeMode: 'Filesystem' | 'Block'): Promise<void> {
    const { volume } = await driver.csi.controller.createVolume(driver.claim('metadata').createVolume());
    if (volume === undefined) throw new Error('the driver made no volume');
    await shop.createAttachedClaim({ name, storageClass: 'metadata', volume, volumeMode });
    await shop.create({
      apiVersion: 'csiaddons.openshift.io/v1alpha1',
      kind,
      metadata: { name },
      spec: { target: { persistentVolumeClaim: name }, backOffLimit: 3, retryDeadlineSeconds: 600 },
    });
  }

  test('a block volume is left alone, and the job goes by', async () => {
    await startJob('block', 'Block');
    const status = await shop.untilEnded(kind, 'block');
    expect(status).toMatchObject({ result: 'Succeeded' });
    // Nobody says how much, since nothing was done.
    expect(status).not.toHaveProperty('reclaimedSpace');
  });

  test('the storage of a node-local volume keeps no zeros, so that there is nothing to give back', async () => {
    const { volume } = await driver.csi.controller.createVolume(driver.claim('metadata').createVolume());
    const reclaim = (volumeId: string) => driver.csi.reclaimController.controllerReclaimSpace({ volumeId });
    await expect(reclaim(volume?.volumeId ?? '')).rejects.toMatchObject({
      code: 'RECLAIM_UNSUPPORTED',
      status: 'UNIMPLEMENTED',
    });
    await expect(reclaim('')).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(reclaim('no-volume')).rejects.toMatchObject({ code: 'VOLUME_NOT_FOUND' });
  });

  test('a volume that is not staged on its node is an error with its code', async () => {
    await startJob('absent', 'Filesystem');
    const { result, conditions } = await shop.untilEnded(kind, 'absent');
    expect(result).toBe('Failed');
    expect(conditions.map(({ message }: { readonly message: string }) => message).join()).toContain(
      'VOLUME_NOT_STAGED: ',
    );
  });
});
