/**
 * R2: the stock controller and sidecar of CSI-Addons rotate keys on a real OpenBao, through the real API server, with the
 * arguments and the rights of the emitted documents.
 */
import { join } from 'node:path';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import {
  KeyRotationCronJob,
  type KeyRotationCronJobProps,
  KeyRotationJob,
  type KeyRotationJobProps,
} from '../../../lib/cdk8s';
import { passphraseSecretKey } from '../../../lib/schema/names';
import { Secret } from '../../../runtime/secret';
import type { VolumeDeps } from '../../../runtime/volume/context';
import { AddonsObjects, emittedObject } from '../../harness/addons-objects';
import { CsiAddons, csiAddonsComponents } from '../../harness/csi-addons';
import { describeWith } from '../../harness/describe-with';
import { passphrase, prepareVault, type TestClass, TestDriver } from '../../harness/driver';
import { initialiseOnFile, opens, partsOf, soundFacts, storedDek, volume } from '../../harness/driver-facts';
import { type OpenBao, startOpenBao } from '../../harness/openbao';
import { findInFiles, needlesOf } from '../../harness/secret-scan';

jest.setTimeout(400_000);

describeWith(['openbao', 'cryptsetup', ...csiAddonsComponents], 'key rotation by CSI-Addons', () => {
  let bao: OpenBao;
  let token: string;
  let driver: TestDriver;
  let deps: VolumeDeps;
  let addons: CsiAddons;
  let shop: AddonsObjects;
  let jobs = 0;
  beforeAll(async () => {
    bao = await startOpenBao();
    const vault = await prepareVault(bao);
    token = vault.token;
    driver = new TestDriver({ vault, csiAddons: true });
    await driver.start();
    deps = await partsOf(driver);
    addons = await CsiAddons.start(driver, ['shop']);
    await addons.createSecret('passphrase', { [passphraseSecretKey]: Secret.fromText(passphrase) });
    shop = new AddonsObjects(addons, driver.manifests, 'shop');
  });
  afterAll(async () => {
    await addons?.stop();
    await driver?.stop();
    await bao?.stop();
  });

  /** A claim whose volume was used before. @returns id of the volume */
  async function claim(name: string, storageClass: TestClass): Promise<string> {
    const made = (await driver.csi.controller.createVolume(driver.claim(storageClass).createVolume())).volume;
    if (made === undefined) throw new Error('the driver made no volume');
    await initialiseOnFile(deps, made.volumeId);
    await shop.createAttachedClaim({ name, storageClass, volume: made });
    return made.volumeId;
  }

  /** @returns its name */
  async function startJob(claimName: string, options: Partial<KeyRotationJobProps> = {}): Promise<string> {
    jobs += 1;
    const name = `rotation-${jobs}`;
    await shop.create(
      emittedObject((chart) => new KeyRotationJob(chart, 'Job', { claim: claimName, metadata: { name }, ...options })),
    );
    return name;
  }
  const job = 'EncryptionKeyRotationJob';

  /** Runs what should rotate, and compares the volume before and after. */
  async function expectRotation(id: string, rotate: () => Promise<unknown>): Promise<void> {
    const before = await soundFacts(deps, volume(id));
    using old = await storedDek(deps, volume(id));
    expect(await opens(deps, volume(id), old)).toBe(true);
    await rotate();
    // One keyslot, which the key in the KMS opens.
    const after = await soundFacts(deps, volume(id));
    expect(await opens(deps, volume(id), old)).toBe(false);
    expect([after.dataHash, after.volumeKeyHash]).toEqual([before.dataHash, before.volumeKeyHash]);
  }

  test('the controller learns what the driver can do from the object that the sidecar keeps for its pod', async () => {
    const { capabilities } = await addons.untilConnected();
    expect([...capabilities].sort()).toEqual([
      'encryption_key_rotation.ENCRYPTIONKEYROTATION',
      'reclaim_space.OFFLINE',
      'reclaim_space.ONLINE',
      'service.CONTROLLER_SERVICE',
      'service.NODE_SERVICE',
    ]);
    const { metadata, spec } = await addons.node();
    expect(spec.driver.name).toBe(driver.manifests.storageClass('vault').provisioner);
    expect(metadata.ownerReferences).toMatchObject([{ kind: 'DaemonSet', name: 'keyward-csi' }]);
  });

  test.each(['vault', 'metadata'] as const)('KMS %s: a job rotates the key of a claim', async (className) => {
    const id = await claim(`one-${className}`, className);
    await expectRotation(id, async () => {
      const name = await startJob(`one-${className}`);
      expect(await shop.untilEnded(job, name)).toMatchObject({ result: 'Succeeded' });
    });
  });

  test('a cron job rotates the key when its time has come', async () => {
    const id = await claim('regular', 'vault');
    const props: KeyRotationCronJobProps = { claim: 'regular', schedule: '* * * * *', metadata: { name: 'regular' } };
    await expectRotation(id, async () => {
      await shop.create(emittedObject((chart) => new KeyRotationCronJob(chart, 'CronJob', props)));
      await shop.untilJob('EncryptionKeyRotationCronJob', 'regular', 'nothing was rotated', ({ status: found }) => {
        return found?.lastSuccessfulTime !== undefined;
      });
      // Suspended, so that the next minute does not come in between.
      await shop.patch('EncryptionKeyRotationCronJob', 'regular', { spec: { suspend: true } });
    });
    const [{ status: found }] = await shop.jobsOf('regular');
    expect(found).toMatchObject({ result: 'Succeeded' });
    await shop.remove('EncryptionKeyRotationCronJob', 'regular');
  });

  test('while the KMS is sealed the job says so with the code, and it succeeds when the KMS is back', async () => {
    const id = await claim('patient', 'vault');
    await expectRotation(id, async () => {
      await bao.seal();
      const name = await startJob('patient');
      const message = await shop.untilCondition(job, name, /KMS_/);
      await bao.unseal();
      expect(message).toContain('KMS_SEALED: ');
      expect(await shop.untilEnded(job, name)).toMatchObject({ result: 'Succeeded' });
    });
  });

  test('with the limit of the controller itself a short outage is the end of a job', async () => {
    const id = await claim('hasty', 'vault');
    using key = await storedDek(deps, volume(id));
    await bao.seal();
    const ended = await shop.untilEnded(job, await startJob('hasty', { backOffLimit: 6 }));
    await bao.unseal();
    expect(ended).toMatchObject({ result: 'Failed', message: 'Maximum retry limit reached', retries: 6 });
    await soundFacts(deps, volume(id));
    expect(await opens(deps, volume(id), key)).toBe(true);
  });

  describe('the driver is killed in the middle: the job is tried again and ends with one key', () => {
    test.each(['begin', 'add-keyslot', 'replace-key', 'read-back', 'retire-keyslot'])('at rotate:%s', async (step) => {
      const id = await claim(`hurt-${step}`, 'vault');
      await expectRotation(id, async () => {
        let name = '';
        await driver.dieAt(`rotate:${step}`, async () => {
          name = await startJob(`hurt-${step}`);
          await driver.pod.exited;
          throw new Error('the driver is gone');
        });
        expect(await shop.untilEnded(job, name)).toMatchObject({ result: 'Succeeded' });
      });
    });
  });

  test('refuses a caller without a token of the cluster', async () => {
    const insecure = credentials.createSsl(null, null, null, { rejectUnauthorized: false });
    const client = new Client(await addons.endpoint(), insecure, { 'grpc.ssl_target_name_override': 'localhost' });
    const path = '/proto.EncryptionKeyRotation/EncryptionKeyRotate';
    const bytes = (value: Buffer) => value;
    const code = (metadata: Metadata) =>
      new Promise((resolve) => {
        const deadline = { deadline: Date.now() + 60_000 };
        client.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(0), metadata, deadline, (error) =>
          resolve(error?.code),
        );
      });
    const stranger = new Metadata();
    stranger.set('authorization', 'Bearer nobody');
    expect([await code(new Metadata()), await code(stranger)]).toEqual([
      status.UNAUTHENTICATED,
      status.UNAUTHENTICATED,
    ]);
    client.close();
  });

  test('R14: the API server refused no request of the sidecar, and no log shows a secret', () => {
    expect(addons.sidecarLog.split('\n').filter((line) => line.includes('forbidden'))).toEqual([]);
    const secrets = [passphrase, token].flatMap((text) => needlesOf(text.slice(0, 4), Secret.fromText(text)));
    expect(findInFiles(join(driver.root, 'log'), secrets)).toEqual([]);
  });
});
