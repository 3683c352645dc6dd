/**
 * R2 over a real Ceph: the stock controller and sidecar of CSI-Addons rotate the key of a mounted volume that is written to,
 * on the schedule of an EncryptionKeyRotationCronJob, with the emitted documents of the driver's node pod.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chart, Testing } from 'cdk8s';
import { EncryptedStorage, KeyRotationCronJob } from '../../lib/cdk8s';
import { secretFile } from '../../lib/schema/names';
import { readHeader } from '../../runtime/luks/header';
import { Secret } from '../../runtime/secret';
import { runtimeBundle } from '../../tools/bundle';
import { csiClient } from '../../tools/csi-client/csi-client';
import { type LocalPod, startPod } from '../../tools/local-pod/local-pod';
import { Manifests } from '../../tools/local-pod/manifests';
import { AddonsObjects, emittedObject } from '../harness/addons-objects';
import { CEPH_TOOLS, type Ceph, startCeph } from '../harness/ceph';
import { cryptsetup } from '../harness/ceph-csi-keyslots';
import { CsiAddons, csiAddonsComponents } from '../harness/csi-addons';
import { describeWith } from '../harness/describe-with';
import { nodeName, prepareVault, vaultMount } from '../harness/driver';
import { FileLoad } from '../harness/file-load';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { clusterId, pool, RbdDriver } from '../harness/rbd-driver';
import { mappedImages } from '../harness/rbd-facts';
import { RbdVolume } from '../harness/rbd-volume';

jest.setTimeout(1_200_000);

const namespace = 'keyward-system';
const vaultKms = (address: string, tokenFile: string) =>
  ({
    type: 'vault',
    address,
    backend: 'kv-v2',
    backendPath: vaultMount,
    auth: { method: 'token', tokenFile },
  }) as const;

/** What `cdk8s synth` would write. */
function documents(ceph: Ceph, address: string): Manifests {
  const chart = new Chart(Testing.app(), 'test');
  const backend = { type: 'rbd', clusters: [{ clusterId, monitors: ceph.monitors }] } as const;
  new EncryptedStorage(chart, 'Storage', {
    namespace,
    driver: { type: 'keyward', backend, csiAddons: true },
    kms: { vault: vaultKms(address, secretFile({ namespace, name: 'vault', key: 'token' })) },
    classes: [{ name: 'vault', kms: 'vault', rbd: { clusterId, pool }, secrets: { name: 'ceph-user' } }],
  });
  const objects = Testing.synth(chart);
  return new Manifests(objects, JSON.stringify(objects));
}

describeWith([...CEPH_TOOLS, 'openbao', ...csiAddonsComponents], 'rotation by CSI-Addons over RBD', () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'kr-')));
  let bao: OpenBao;
  let ceph: Ceph;
  let controller: RbdDriver;
  let node: LocalPod;
  let addons: CsiAddons;
  let shop: AddonsObjects;
  beforeAll(async () => {
    execFileSync('modprobe', ['rbd']);
    [bao, ceph] = [await startOpenBao(), await startCeph()];
    const { address, token } = await prepareVault(bao);
    controller = await RbdDriver.start({
      ceph,
      kms: (secrets) => ({ vault: vaultKms(address, join(secrets, 'vault/token')) }),
      secrets: { 'vault/token': token },
    });
    const manifests = documents(ceph, address);
    node = await startPod({
      ...{ manifests, root, nodeName },
      container: 'keyward',
      command: [process.execPath, runtimeBundle],
      secrets: [{ namespace, name: 'vault', data: { token: Secret.fromText(token) } }],
    });
    addons = await CsiAddons.start({ manifests, root }, ['shop']);
    const user = Object.entries(controller.secrets).map(([key, value]) => [key, Secret.fromText(value)] as const);
    await addons.createSecret('ceph-user', Object.fromEntries(user));
    shop = new AddonsObjects(addons, manifests, 'shop');
  });
  afterAll(async () => {
    await addons?.stop();
    await node?.stop();
    await controller?.stop();
    await Promise.all([ceph?.stop(), bao?.stop()]);
    rmSync(root, { recursive: true, force: true });
  });

  const keyOf = async (id: string): Promise<string> =>
    (await bao.expectOk('GET', `${vaultMount}/data/${id}`)).body.data.data.data.passphrase;
  const opens = (device: string, key: string): Promise<boolean> =>
    cryptsetup(['open', '--test-passphrase', '--key-file', '-', device], key).then(
      () => true,
      () => false,
    );

  test('R2: a cron job rotates the key of a mounted volume while it is written to', async () => {
    const made = (await controller.csi.controller.createVolume(controller.claim({ kms: 'vault' }))).volume;
    if (made === undefined) throw new Error('the driver made no volume');
    const volume = new RbdVolume(controller, made.volumeId, { context: made.volumeContext });
    const csi = csiClient({
      socket: node.sockets.get('endpoint') ?? '',
      addonsSocket: node.sockets.get('csi-addons-endpoint') ?? '',
    });
    await volume.stage(csi);
    await shop.createAttachedClaim({ name: 'data', storageClass: 'vault', volume: made });
    const load = new FileLoad([volume.staging], 500);
    const { device = '' } = mappedImages().find(({ image }) => image === volume.image) ?? {};
    const old = await keyOf(made.volumeId);
    expect(await opens(device, old)).toBe(true);

    const name = 'every-minute';
    await shop.create(
      emittedObject(
        (chart) => new KeyRotationCronJob(chart, 'Cron', { claim: 'data', schedule: '* * * * *', metadata: { name } }),
      ),
    );
    await addons.until('the cron job rotated nothing', async () => {
      const ended = (await shop.jobsOf(name)).filter(({ status }) => status?.result !== undefined);
      expect(ended.filter(({ status }) => status.result !== 'Succeeded')).toEqual([]);
      return ended.length > 0 ? ended : undefined;
    });
    await shop.patch('EncryptionKeyRotationCronJob', name, { spec: { suspend: true } });

    const key = await keyOf(made.volumeId);
    expect(key).not.toBe(old);
    expect([await opens(device, key), await opens(device, old)]).toEqual([true, false]);
    expect((await readHeader(device)).keyslots).toHaveLength(1);
    expect(await load.end()).toEqual({ intact: true, errors: [], written: [expect.any(Number)] });
    await volume.unstage(csi);
    csi.close();
  });
});
