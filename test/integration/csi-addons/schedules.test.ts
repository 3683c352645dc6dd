/** R2: what the stock controller of CSI-Addons makes of the annotations and cron jobs that our constructs write. */
import {
  CsiAddonsConfig,
  KeyRotationCronJob,
  keyRotationAnnotations,
  namespaceKeyRotationAnnotations,
} from '../../../lib/cdk8s';
import { csiAddonsAnnotations } from '../../../lib/constructs/csi-addons/annotations';
import { AddonsObjects, emittedObject } from '../../harness/addons-objects';
import { CsiAddons, csiAddonsComponents } from '../../harness/csi-addons';
import { describeWith } from '../../harness/describe-with';
import { TestDriver } from '../../harness/driver';

jest.setTimeout(400_000);

const cronJob = 'EncryptionKeyRotationCronJob';

describeWith(csiAddonsComponents, 'schedules of key rotation with CSI-Addons', () => {
  let driver: TestDriver;
  let addons: CsiAddons;
  /** Namespaces: one says nothing, one has a schedule. */
  let plain: AddonsObjects;
  let daily: AddonsObjects;
  beforeAll(async () => {
    driver = new TestDriver({ csiAddons: true });
    await driver.start();
    addons = await CsiAddons.start(driver, ['plain', 'daily']);
    plain = new AddonsObjects(addons, driver.manifests, 'plain');
    daily = new AddonsObjects(addons, driver.manifests, 'daily');
    const { provisioner } = driver.manifests.storageClass('metadata');
    await daily.annotateNamespace(namespaceKeyRotationAnnotations({ schedule: '@daily', drivers: [provisioner] }));
    await plain.annotateStorageClass('metadata', keyRotationAnnotations({ schedule: '@monthly' }));
  });
  afterAll(async () => {
    await addons?.stop();
    await driver?.stop();
  });

  /** Nothing is rotated here: no schedule comes up while the test runs. */
  const claim = (objects: AddonsObjects, name: string, annotations = {}, storageClass = 'metadata') =>
    objects.createAttachedClaim({ name, storageClass, volume: { volumeId: name, volumeContext: {} }, annotations });

  describe('precedence pvc', () => {
    test('the schedule of the claim wins, then that of the namespace, then that of the class', async () => {
      await claim(daily, 'own', keyRotationAnnotations({ schedule: '@hourly' }));
      await claim(daily, 'of-namespace');
      await claim(plain, 'of-class');
      await claim(plain, 'none', {}, 'xfs');
      await daily.untilScheduled('own', '@hourly');
      await daily.untilScheduled('of-namespace', '@daily');
      const { metadata } = await plain.untilScheduled('of-class', '@monthly');
      expect(metadata.name).toMatch(/^of-class-\d+$/);
      expect(metadata.annotations).toMatchObject({ [csiAddonsAnnotations.state]: 'managed' });
      expect(await plain.cronJobsOf('none')).toEqual([]);
    });

    test('the first schedule is copied to the claim, which follows its class no longer', async () => {
      await claim(plain, 'early');
      await plain.untilScheduled('early', '@monthly');
      expect(await plain.claimAnnotations('early')).toMatchObject({ [csiAddonsAnnotations.schedule]: '@monthly' });
      await plain.annotateStorageClass('metadata', keyRotationAnnotations({ schedule: '@yearly' }));
      await claim(plain, 'late');
      await plain.untilScheduled('late', '@yearly');
      await plain.untilScheduled('early', '@monthly');
      await plain.annotateStorageClass('metadata', keyRotationAnnotations({ schedule: '@monthly' }));
    });

    test('enabled: false takes the cron job away, whoever has the schedule', async () => {
      await claim(daily, 'off', keyRotationAnnotations({ schedule: '@hourly' }));
      await daily.untilScheduled('off', '@hourly');
      await daily.annotateClaim('off', keyRotationAnnotations({ enabled: false }));
      await daily.untilUnscheduled('off');
    });

    test('a cron job that is unmanaged and suspended stays as it is', async () => {
      await claim(plain, 'mine');
      const { metadata } = await plain.untilScheduled('mine', '@monthly');
      const state = { [csiAddonsAnnotations.state]: 'unmanaged' };
      await plain.patch(cronJob, metadata.name, { metadata: { annotations: state }, spec: { suspend: true } });
      await plain.annotateClaim('mine', keyRotationAnnotations({ schedule: '@hourly' }));
      await plain.annotateClaim('of-class', keyRotationAnnotations({ schedule: '@hourly' }));
      await plain.untilScheduled('of-class', '@hourly');
      const { spec } = await plain.untilScheduled('mine', '@monthly');
      expect(spec.suspend).toBe(true);
    });
  });

  describe('a cron job whose time has come', () => {
    const create = async (name: string, suspend: boolean, more: object = {}) => {
      const props = { claim: 'nobody', schedule: '@hourly', suspend, metadata: { name } };
      await plain.create(emittedObject((chart) => new KeyRotationCronJob(chart, 'CronJob', props)));
      // What no construct writes, among it a schedule for which a test need not wait a minute.
      await plain.patch(cronJob, name, { spec: { schedule: '@every 1s', ...more } });
    };

    test('makes a job, and none while it is suspended', async () => {
      await create('suspended', true);
      await create('running', false);
      await addons.until('there is no job', async () => (await plain.jobsOf('running'))[0]);
      expect(await plain.jobsOf('suspended')).toEqual([]);
      await plain.remove(cronJob, 'running');
    });

    test('never makes a job with Replace: the controller (0.14.0) fails before', async () => {
      await create('replacing', false, { concurrencyPolicy: 'Replace' });
      const failure = /"name":"replacing".*panic: runtime error/;
      await addons.until('the controller did not fail', async () => failure.exec(addons.controllerLog)?.[0]);
      expect(await plain.jobsOf('replacing')).toEqual([]);
      await plain.remove(cronJob, 'replacing');
    });
  });

  test('precedence storageclass: only the schedule of the class counts', async () => {
    const config = emittedObject(
      (chart) => new CsiAddonsConfig(chart, 'Config', { schedulePrecedence: 'storageclass' }),
    );
    await addons.configure(config);
    await claim(daily, 'strict', keyRotationAnnotations({ schedule: '@hourly' }));
    await claim(daily, 'free', keyRotationAnnotations({ schedule: '@hourly' }), 'xfs');
    const { metadata } = await daily.untilScheduled('strict', '@monthly');
    expect(metadata.name).toBe('strict-keyrotation');
    expect(await daily.claimAnnotations('strict')).toMatchObject({ [csiAddonsAnnotations.schedule]: '@hourly' });
    expect(await daily.cronJobsOf('free')).toEqual([]);
  });
});
