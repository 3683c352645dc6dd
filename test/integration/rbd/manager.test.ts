/**
 * What needs more of a Ceph than one OSD: how full pools are, which a manager gathers, and pools that are erasure-coded, which
 * take three OSDs. The driver is a process, as in a cluster.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { ImageRef } from '../../../runtime/device/back-end';
import { CEPH_TOOLS, type Ceph, startCeph } from '../../harness/ceph';
import { startCephManager } from '../../harness/ceph-manager';
import { describeWith } from '../../harness/describe-with';
import { pool, RbdDriver } from '../../harness/rbd-driver';
import { leftInPool } from '../../harness/rbd-facts';
import { RbdVolume } from '../../harness/rbd-volume';
import type { ServerProcess } from '../../harness/server-process';
import { ImagesFixture, nameOf } from './images-fixture';

jest.setTimeout(600_000);

const MiB = 2 ** 20;
const dataPool = 'erasure-coded';

describeWith([...CEPH_TOOLS, 'ceph-mgr'], 'a Ceph of three OSDs and a manager', () => {
  let ceph: Ceph;
  let manager: ServerProcess;
  let fixture: ImagesFixture;
  let driver: RbdDriver;
  beforeAll(async () => {
    ceph = await startCeph({ osds: 3 });
    await ceph.createPool(dataPool, 'erasure');
    fixture = await ImagesFixture.start(ceph);
    driver = await RbdDriver.start({ ceph, kms: () => ({ metadata: { type: 'metadata' } }) });
    manager = await startCephManager(ceph);
  });
  afterAll(async () => {
    await driver?.stop();
    await fixture?.stop();
    await manager?.stop();
    await ceph?.stop();
  });
  afterEach(async () => {
    expect(await leftInPool(ceph)).toEqual([]);
  });

  const secrets = () => ({ ...driver.secrets, encryptionPassphrase: 'of the administrator' });
  const claim = () => ({ ...driver.claim({ kms: 'metadata' }), secrets: secrets() });
  const create = async (request = claim()) => {
    const { id } = await RbdVolume.made(driver, request);
    return new RbdVolume(driver, id, { secrets: secrets() });
  };
  const capacity = async (parameters?: Readonly<Record<string, string>>) =>
    Number((await driver.csi.controller.getCapacity({ ...(parameters && { parameters }) })).availableCapacity);
  const availableIn = async (name: string): Promise<number> => {
    const { pools } = JSON.parse(await ceph.ceph(['df', '-f', 'json']));
    return pools.find((each: { name: string }) => each.name === name).stats.max_avail;
  };

  test('the capacity of a class is what its pool can still take, or its data pool', async () => {
    const { parameters } = claim();
    // Nobody writes, but the OSDs themselves do a little.
    const near = (bytes: number) => expect.closeTo(bytes / MiB, -2);
    expect((await capacity(parameters)) / MiB).toEqual(near(await availableIn(pool)));
    expect((await capacity({ ...parameters, dataPool })) / MiB).toEqual(near(await availableIn(dataPool)));
    // Two shards of three hold data, and the replicated pools of the harness keep one copy: two thirds.
    expect(await availableIn(dataPool)).toBeLessThan((await availableIn(pool)) * 0.8);
  });

  test('without a class it is that of the pool with the most room that the driver serves', async () => {
    expect((await capacity()) / MiB).toEqual(expect.closeTo((await availableIn(pool)) / MiB, -2));
  });

  test('data of an image, of its snapshot and of a restore lie in the erasure-coded pool, and go with them', async () => {
    const { images } = fixture.open({ options: { dataPool } });
    const [source, snapshot, restored] = [fixture.newRef(), fixture.newRef('snapshot'), fixture.newRef()];
    const spec = (ref: ImageRef) => `${pool}/${nameOf(ref)}`;
    const objects = async () =>
      (await ceph.rados(['-p', dataPool, 'ls'])).split('\n').filter((name) => name.startsWith('rbd_data.'));
    const write = (ref: ImageRef) =>
      ceph.rbd(['bench', '--io-type', 'write', '--io-size', '1M', '--io-total', '4M', spec(ref)]);
    const content = (ref: ImageRef) => ceph.rbd(['export', '--no-progress', spec(ref), '-']);
    await images.allocate(source, 8 * MiB);
    await write(source);
    const written = await content(source);
    expect(/[^\0]/.test(written)).toBe(true);
    await images.copy(source, snapshot);
    await images.copy(snapshot, restored);
    for (const each of [source, snapshot, restored]) {
      expect(JSON.parse(await ceph.rbd(['info', '--format', 'json', spec(each)]))).toMatchObject({
        data_pool: dataPool,
      });
    }
    const before = (await objects()).length;
    expect(before).toBeGreaterThan(0);
    // Its first write copies an object up, from one erasure-coded image into the other.
    await ceph.rbd(['bench', '--io-type', 'write', '--io-size', '4K', '--io-total', '4K', spec(restored)]);
    expect((await objects()).length).toBeGreaterThan(before);
    expect((await content(source)) === written && (await content(snapshot)) === written).toBe(true);
    for (const each of [source, snapshot, restored]) await images.remove(each);
    expect(await objects()).toEqual([]);
  });

  test('a quota that is used up refuses new volumes and snapshots; with room the same calls succeed', async () => {
    const quota = (objects: number) => ceph.ceph(['osd', 'pool', 'set-quota', pool, 'max_objects', `${objects}`]);
    const isFull = async () => {
      const { pools } = JSON.parse(await ceph.ceph(['osd', 'dump', '-f', 'json']));
      return pools.find((each: { pool_name: string }) => each.pool_name === pool).flags_names.includes('full_quota');
    };
    const subject = await create();
    const request = claim();
    await quota(1);
    try {
      while (!(await isFull())) await pause(200);
      await expect(create(request)).toRejectWithCode('STORAGE_FULL');
      await expect(subject.snapshot('over-quota')).toRejectWithCode('STORAGE_FULL');
    } finally {
      await quota(0);
    }
    while (await isFull()) await pause(200);
    const snapshotId = await subject.snapshot('over-quota');
    await driver.csi.controller.deleteSnapshot({ snapshotId, secrets: secrets() });
    await subject.delete();
    await (await create(request)).delete();
  });
});
