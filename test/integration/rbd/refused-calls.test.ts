/**
 * What the controller must refuse over a real Ceph: each is told by its code, nothing is lost or left, and the same call
 * succeeds when somebody has done what the error says. The driver is a process, as in a cluster.
 */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Code } from '../../../runtime/errors';
import { CallError } from '../../../tools/csi-client/call-error';
import { CEPH_TOOLS, type Ceph, startCeph } from '../../harness/ceph';
import { CephCsi } from '../../harness/ceph-csi';
import { describeWith } from '../../harness/describe-with';
import { prepareVault, vaultMount } from '../../harness/driver';
import { type OpenBao, startOpenBao } from '../../harness/openbao';
import { pool, RbdDriver, type RbdDriverOptions } from '../../harness/rbd-driver';
import { leftInPool } from '../../harness/rbd-facts';
import { RbdVolume } from '../../harness/rbd-volume';
import { watch } from './images-fixture';

jest.setTimeout(600_000);

const MiB = 2 ** 20;

describeWith([...CEPH_TOOLS, 'openbao'], 'what the controller refuses', () => {
  let bao: OpenBao;
  let ceph: Ceph;
  let driver: RbdDriver;
  let cephCsi: CephCsi;
  let options: RbdDriverOptions;
  beforeAll(async () => {
    [bao, ceph] = await Promise.all([startOpenBao(), startCeph()]);
    const vault = await prepareVault(bao);
    options = {
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
    };
    driver = await RbdDriver.start(options);
    cephCsi = await CephCsi.over(ceph);
  });
  afterAll(async () => {
    await driver?.stop();
    await Promise.all([ceph?.stop(), bao?.stop()]);
  });
  afterEach(async () => {
    expect(await leftInPool(ceph)).toEqual([]);
    expect((await bao.request('LIST', `${vaultMount}/metadata`)).status).toBe(404);
  });

  const claim = (parameters: Readonly<Record<string, string>> = {}) => driver.claim({ kms: 'vault', parameters });
  const create = (request: Parameters<typeof RbdVolume.made>[1] = claim()) => RbdVolume.made(driver, request);
  /** The call fails with the code, and with a text that ends with what to do. */
  async function fails(call: Promise<unknown>, code: Code): Promise<void> {
    const error = await call.catch((thrown: unknown) => thrown);
    await expect(Promise.reject(error)).toRejectWithCode(code);
    if (error instanceof CallError) expect(error.details).toMatch(/\. .{5,}\.$/s);
  }

  test('rejects a pool, a cluster and a user that are not there', async () => {
    const request = claim();
    const createWith = (parameters: Record<string, string>, secrets: Record<string, string> = {}) =>
      driver.csi.controller.createVolume({
        ...request,
        parameters: { ...request.parameters, ...parameters },
        secrets: { ...driver.secrets, ...secrets },
      });
    await fails(createWith({ pool: 'absent' }), 'POOL_NOT_FOUND');
    await fails(createWith({ clusterID: 'absent' }), 'CLUSTER_UNKNOWN');
    await fails(createWith({}, { userKey: await ceph.createUser('other') }), 'CEPH_DENIED');
    await fails(createWith({}, { userID: 'absent' }), 'CEPH_DENIED');
    await (await create(request)).delete();
  });

  test('rejects monitors that are not there, in time', async () => {
    const lost = await RbdDriver.start({ ...options, monitors: ['127.0.0.1:1'] });
    try {
      await fails(lost.csi.controller.createVolume(lost.claim({ kms: 'vault' })), 'CEPH_UNREACHABLE');
    } finally {
      await lost.stop();
    }
  });

  test('refuses in a full cluster; with room the same call succeeds', async () => {
    const request = claim();
    const subject = await create();
    const ratios = ['set-nearfull-ratio', 'set-backfillfull-ratio', 'set-full-ratio'] as const;
    const isFull = async () => (await ceph.ceph(['health', 'detail'])).includes('OSD_FULL');
    // The ratios keep their order at every moment.
    for (const each of ratios) await ceph.ceph(['osd', each, '0.000001']);
    try {
      while (!(await isFull())) await pause(200);
      await fails(create(request), 'STORAGE_FULL');
      await fails(subject.snapshot('in-a-full-cluster'), 'STORAGE_FULL');
    } finally {
      for (const each of [...ratios].reverse()) await ceph.ceph(['osd', each, '0.97']);
    }
    while (await isFull()) await pause(200);
    const snapshotId = await subject.snapshot('in-a-full-cluster');
    await driver.csi.controller.deleteSnapshot({ snapshotId, secrets: driver.secrets });
    await subject.delete();
    await (await create(request)).delete();
  });

  test.each([
    ['size', 200 * MiB, 'layering'],
    ['features', 80 * MiB, 'layering,exclusive-lock'],
  ])(
    'refuses an image of the name and of another %s, and leaves it; without it the same call succeeds',
    async (_, sizeBytes, features) => {
      const request = claim({ imageFeatures: 'layering' });
      driver.dieAt('create:key');
      await expect(create(request)).rejects.toBeInstanceOf(CallError);
      await driver.died();
      driver.dieAt(undefined);
      await driver.start();
      const uuid = (await cephCsi.journal('csi.volumes.default'))[`csi.volume.${request.name}`];
      const image = `${pool}/csi-vol-${uuid}`;
      await ceph.rbd(['create', '--size', `${sizeBytes}B`, '--image-feature', features, image]);
      await fails(create(request), 'IMAGE_FOREIGN');
      expect(JSON.parse(await ceph.rbd(['info', '--format', 'json', image]))).toMatchObject({ size: sizeBytes });
      await ceph.rbd(['rm', '--no-progress', image]);
      await (await create(request)).delete();
    },
  );

  test('refuses to delete a volume that somebody watches, which keeps its key', async () => {
    const subject = await create();
    {
      await using _watcher = await watch(ceph, `${pool}/${subject.image}`);
      await fails(subject.delete(), 'VOLUME_IN_USE');
      await bao.expectOk('GET', `${vaultMount}/data/${subject.id}`);
    }
    await subject.delete();
  });

  test('R13: refuses a plain volume as source of an encrypted one, and the other way round', async () => {
    const plain = await cephCsi.createPlain(64 * MiB);
    const from = (volumeId: string) => ({ type: { case: 'volume', value: { volumeId } } }) as const;
    await fails(create({ ...claim(), volumeContentSource: from(plain.id) }), 'REQUEST_INVALID');
    await fails(new RbdVolume(driver, plain.id).snapshot('of-plain'), 'REQUEST_INVALID');
    await cephCsi.remove(plain);

    const source = await create();
    const snapshotId = await source.snapshot('for-plain');
    const fromSnapshot = { type: { case: 'snapshot', value: { snapshotId } } } as const;
    for (const volumeContentSource of [from(source.id), fromSnapshot]) {
      await fails(create({ ...claim({ encrypted: 'false' }), volumeContentSource }), 'REQUEST_INVALID');
    }
    await driver.csi.controller.deleteSnapshot({ snapshotId, secrets: driver.secrets });
    await source.delete();
  });

  test('rejects a question for the capacity, with or without a class, where no manager gathers the figures', async () => {
    const { parameters } = claim();
    await fails(driver.csi.controller.getCapacity({}), 'CEPH_FAILED');
    await fails(driver.csi.controller.getCapacity({ parameters }), 'CEPH_FAILED');
  });
});
