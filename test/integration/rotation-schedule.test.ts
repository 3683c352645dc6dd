/**
 * R2: the scheduler of the driver on a real API server, with the rights that docs/rotation.md says, over volumes whose keys are
 * in a real OpenBao.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { csiAddonsAnnotations } from '../../lib/schema/rotation-annotations';
import { isFailure, Verifications } from '../../runtime/volume/verifications';
import { bundle } from '../../tools/bundle';
import { describeWith } from '../harness/describe-with';
import { opens, soundFacts, storedDek, volume } from '../harness/driver-facts';
import { disabled, everySecond, ScheduleFixture, scheduled } from './rotation-schedule-fixture';

jest.setTimeout(600_000);

describeWith(['openbao', 'cryptsetup', 'etcd', 'kube-apiserver'], 'rotation on a schedule', () => {
  const at = new ScheduleFixture();
  beforeAll(async () => {
    await at.start();
    await at.namespace('shop');
    await at.namespace('daily', scheduled('@daily'));
  });
  afterAll(() => at.stop());

  const classes = '/apis/storage.k8s.io/v1/storageclasses';

  test('the first schedule of claim, namespace and class counts, and rotates', async () => {
    await at.annotate(`${classes}/scheduled`, scheduled('@every 1s'));
    await at.namespace('often', scheduled('@every 1s'));
    const own = await at.claim('own', { namespace: 'daily', annotations: scheduled('@every 1s') });
    const ofNamespace = await at.claim('of-namespace', { namespace: 'often' });
    const ofClass = await at.claim('of-class', { namespace: 'shop', storageClass: 'scheduled' });
    const later = await at.claim('later', { namespace: 'daily', storageClass: 'scheduled' });
    const none = await at.claim('none', { namespace: 'shop' });
    using old = await at.volumes.looking((deps) => storedDek(deps, volume(own)));
    const { driver, metrics } = await at.driver();
    for (const [id, namespace, claim, from] of [
      [own, 'daily', 'own', 'claim'],
      [ofNamespace, 'often', 'of-namespace', 'namespace'],
      [ofClass, 'shop', 'of-class', 'class'],
    ] as const) {
      await at.untilRotated(id);
      const { type, message, source } = await at.untilEvent(namespace, claim, 'KeyRotated');
      expect({ type, message, host: source.host }).toEqual({
        type: 'Normal',
        message: `The key was rotated by the schedule @every 1s of the ${from}.`,
        host: 'node-1',
      });
      await at.untilCondition(namespace, claim, { type: 'keyward.io/KeyRotated', status: 'True', reason: 'OK' });
    }
    const waits = { type: 'keyward.io/KeyRotated', status: 'Unknown', reason: 'Scheduled' };
    expect(await at.untilCondition('daily', 'later', waits)).toMatchObject({
      message: 'The key is rotated by the schedule @daily of the namespace.',
    });
    expect(await metrics()).toMatch(/^keyward_rotation_runs_total\{operation="rotate",outcome="OK"\} [1-9]/m);
    expect(await metrics()).toContain('keyward_rotation_leader{scope="node"} 1');
    await driver.close(1000);
    expect([await at.rotatedAt(later), await at.rotatedAt(none)]).toEqual([undefined, undefined]);
    expect(await at.conditions('shop', 'none')).toEqual([]);
    await at.volumes.looking(async (deps) => {
      await soundFacts(deps, volume(own));
      expect(await opens(deps, volume(own), old)).toBe(false);
    });
    await at.annotate(`${classes}/scheduled`, disabled);
    await at.annotate('/api/v1/namespaces/often', disabled);
    await at.annotateClaim('daily', 'own', disabled);
  });

  test('enable: false, unmanaged, and a cron job of CSI-Addons keep a claim from being rotated; an event says why', async () => {
    const off = await at.claim('off', { namespace: 'shop', annotations: scheduled('@every 1s') });
    const mine = await at.claim('mine', { namespace: 'shop', annotations: scheduled('@every 1s') });
    const cronJobs = '/apis/csiaddons.openshift.io/v1alpha1/namespaces/shop/encryptionkeyrotationcronjobs';
    const cronJob = {
      metadata: { name: 'theirs-keyrotation' },
      spec: {
        schedule: '@weekly',
        suspend: true,
        jobTemplate: { spec: { target: { persistentVolumeClaim: 'theirs' } } },
      },
      apiVersion: 'csiaddons.openshift.io/v1alpha1',
      kind: 'EncryptionKeyRotationCronJob',
    };
    await at.kubernetes.expectOk('POST', cronJobs, cronJob);
    const theirs = await at.claim('theirs', { namespace: 'shop', annotations: scheduled('@every 1s') });
    const { driver } = await at.driver();
    await at.untilRotated(off);
    await at.untilRotated(mine);
    await at.annotateClaim('shop', 'off', disabled);
    await at.annotateClaim('shop', 'mine', { [csiAddonsAnnotations.state]: 'unmanaged' });
    expect(await at.untilEvent('shop', 'off', 'KeyRotationSkipped')).toMatchObject({
      type: 'Normal',
      message: `The key is not rotated: the claim has ${csiAddonsAnnotations.enable}: false.`,
    });
    await at.untilEvent('shop', 'mine', 'KeyRotationSkipped');
    expect(await at.untilEvent('shop', 'theirs', 'KeyRotationSkipped')).toMatchObject({
      message: 'CSI-Addons has it by its cron job theirs-keyrotation',
    });
    await at.untilCondition('shop', 'off', { type: 'keyward.io/KeyRotated', status: 'Unknown', reason: 'Off' });
    const before = [await at.rotatedAt(off), await at.rotatedAt(mine)];
    // Others go on: time has passed for the schedule.
    const witness = await at.claim('witness', { namespace: 'shop', annotations: scheduled('@every 1s') });
    await at.untilRotated(witness, await at.untilRotated(witness));
    expect([await at.rotatedAt(off), await at.rotatedAt(mine)]).toEqual(before);
    expect(await at.rotatedAt(theirs)).toBeUndefined();
    await driver.close(1000);
    for (const claim of ['witness', 'theirs']) await at.annotateClaim('shop', claim, disabled);
  });

  test('a schedule that cannot be read counts as @weekly, and an event says so once', async () => {
    await at.claim('odd', { namespace: 'shop', annotations: scheduled('every monday') });
    const { driver } = await at.driver();
    await at.untilEvent('shop', 'odd', 'KeyRotationScheduleUnreadable');
    const condition = await at.untilCondition('shop', 'odd', { type: 'keyward.io/KeyRotated', reason: 'Scheduled' });
    expect(condition.message).toContain('@weekly of the claim');
    const witness = await at.claim('clock', { namespace: 'shop', annotations: scheduled('@every 1s') });
    await at.untilRotated(witness);
    await driver.close(1000);
    await at.annotateClaim('shop', 'clock', disabled);
    expect((await at.events('shop', 'odd')).map(({ reason }) => reason)).toEqual(['KeyRotationScheduleUnreadable']);
  });

  test('a KMS that is sealed gives event, condition and metric; afterwards the next run goes on', async () => {
    const id = await at.claim('sealed', { namespace: 'shop', annotations: scheduled('@every 1s') });
    await at.bao.seal();
    const { driver, metrics } = await at.driver();
    const event = await at.untilEvent('shop', 'sealed', 'KeyRotationFailed');
    expect(event.type).toBe('Warning');
    expect(event.message).toMatch(/^KMS_SEALED: .+\. .+/);
    const failed = { type: 'keyward.io/KeyRotated', status: 'False', reason: 'KMS_SEALED' };
    await at.untilCondition('shop', 'sealed', failed);
    expect(await metrics()).toContain('keyward_rotation_runs_total{operation="rotate",outcome="KMS_SEALED"} 1');
    expect(await metrics()).toMatch(/^keyward_rotation_overdue_seconds\{scope="node"\} [0-9.]+/m);
    await at.bao.unseal();
    await at.untilRotated(id);
    await at.untilCondition('shop', 'sealed', { type: 'keyward.io/KeyRotated', status: 'True' });
    await driver.close(1000);
    await at.annotateClaim('shop', 'sealed', disabled);
    const reasons = (await at.events('shop', 'sealed')).map(({ reason }) => reason);
    expect(reasons.filter((reason) => reason === 'KeyRotationFailed')).toHaveLength(1);
  });

  test('keys are proven on their own schedule: a volume that its key does not open says so', async () => {
    await at.claim('good', { namespace: 'shop' });
    const bad = await at.claim('bad', { namespace: 'shop', kms: 'metadata' });
    await at.volumes.looking(async (deps) => {
      const path = await deps.backEnd.images.withHeader(volume(bad), async (path) => path);
      using dek = await storedDek(deps, volume(bad));
      using other = deps.kms.get('metadata').newDek();
      const { luks } = (await deps.backEnd.volumes.get(bad))?.encryption ?? {};
      if (!luks) throw new Error('no record');
      await deps.cryptsetup.addKey({ device: path, authDek: dek, newDek: other, keyslot: 1, luks });
      await deps.cryptsetup.killSlot(path, 0, other);
    });
    const { driver, metrics, stateDirectory } = await at.driver({ verifySchedule: everySecond });
    await at.untilCondition('shop', 'good', { type: 'keyward.io/KeyVerified', status: 'True', reason: 'OK' });
    const failed = { type: 'keyward.io/KeyVerified', status: 'False', reason: 'LUKS_PASSPHRASE_REJECTED' };
    await at.untilCondition('shop', 'bad', failed);
    const event = await at.untilEvent('shop', 'bad', 'KeyVerificationFailed');
    expect(event).toMatchObject({ type: 'Warning', message: expect.stringMatching(/^LUKS_PASSPHRASE_REJECTED: /) });
    expect(await metrics()).toMatch(/runs_total\{operation="verify",outcome="LUKS_PASSPHRASE_REJECTED"\} 1/);
    await driver.close(1000);
    // What NodeGetVolumeStats tells the kubelet of a volume that is staged.
    const noted = await new Verifications(stateDirectory).last(bad);
    expect(noted && isFailure(noted)).toBe(true);
    expect(await at.conditions('shop', 'good')).not.toContainEqual(expect.objectContaining({ reason: 'Scheduled' }));
  });

  test('of two schedulers one leads; when it is killed the other takes over, and goes on', async () => {
    const id = await at.claim('handed-over', { namespace: 'shop', annotations: scheduled('@every 1s') });
    const program = join(at.volumes.folder, 'keyward.cjs');
    bundle('runtime/bin/keyward.ts', program);
    const start = () => spawn(process.execPath, [program, ...at.flags()], { stdio: 'ignore' });
    const running = [start()];
    try {
      const holder = await at.until('nobody leads', async () => (await at.lease())?.spec?.holderIdentity || undefined);
      running.push(start());
      const first = await at.untilRotated(id);
      await at.untilRotated(id, first);
      // The second waits all the while.
      expect((await at.lease()).spec).toMatchObject({ holderIdentity: holder, leaseDurationSeconds: 3 });
      running[0]?.kill('SIGKILL');
      const next = await at.until('nobody took over', async () => {
        const { holderIdentity } = (await at.lease()).spec;
        return holderIdentity !== holder ? holderIdentity : undefined;
      });
      expect(next).toMatch(/^node-1_/);
      const last = (await at.rotatedAt(id)) ?? '';
      await at.untilRotated(id, last);
    } finally {
      for (const each of running) each.kill('SIGKILL');
    }
    expect(await at.volumes.opensCold(id)).toBe(true);
  });
});
