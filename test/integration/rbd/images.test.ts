/** Images of the RBD back end on a real Ceph. What is not under test goes through `rbd` and `rados` as administrator. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ImageRef } from '../../../runtime/device/back-end';
import { readImageState } from '../../../runtime/device/rbd/image-state';
import { depthOf } from '../../../runtime/device/rbd/lineage';
import { Secret } from '../../../runtime/secret';
import { CEPH_TOOLS, type Ceph, startCeph } from '../../harness/ceph';
import { describeWith } from '../../harness/describe-with';
import { type FixtureOptions, ImagesFixture, nameOf, watch } from './images-fixture';

jest.setTimeout(600_000);

const MiB = 1024 * 1024;
const text = 'what was written before the copy';

describeWith(CEPH_TOOLS, 'images in a Ceph cluster', () => {
  let ceph: Ceph;
  let fixture: ImagesFixture;

  beforeAll(async () => {
    ceph = await startCeph();
    fixture = await ImagesFixture.start(ceph);
  });
  afterAll(async () => {
    await fixture?.stop();
    await ceph?.stop();
  });

  const spec = (ref: ImageRef) => `kube/${nameOf(ref)}`;
  const info = async (ref: ImageRef) => JSON.parse(await ceph.rbd(['info', '--format', 'json', spec(ref)]));
  const snapshots = async (ref: ImageRef): Promise<{ name: string; namespace: { type: string } }[]> =>
    JSON.parse(await ceph.rbd(['snap', 'ls', '--all', '--format', 'json', spec(ref)]));
  const trash = async (): Promise<{ name: string }[]> =>
    JSON.parse(await ceph.rbd(['trash', 'ls', '--format', 'json', 'kube']));
  const inTrash = async (ref: ImageRef) => (await trash()).some(({ name }) => name === nameOf(ref));
  const removeHeader = async (ref: ImageRef) => ceph.rados(['-p', 'kube', 'rm', `rbd_header.${(await info(ref)).id}`]);

  async function newImage(options: FixtureOptions = {}, sizeBytes = 8 * MiB): Promise<ImageRef> {
    const ref = fixture.newRef();
    await fixture.open(options).images.allocate(ref, sizeBytes);
    return ref;
  }
  async function writtenImage(): Promise<ImageRef> {
    const ref = fixture.newRef();
    await ceph.rbd(['import', '--no-progress', '--image-format', '2', '-', spec(ref)], text.padEnd(8 * MiB, '\0'));
    return ref;
  }
  const content = async (ref: ImageRef) =>
    (await ceph.rbd(['export', '--no-progress', spec(ref), '-'])).slice(0, text.length);

  describe('allocate', () => {
    test('makes the image as the class says, once, and enlarges it', async () => {
      const options = {
        imageFeatures: ['layering', 'exclusive-lock'],
        stripeUnit: 65_536,
        stripeCount: 2,
        objectSize: MiB,
      };
      const { images } = fixture.open({ options });
      const ref = fixture.newRef();
      expect(await images.sizeBytes(ref)).toBeUndefined();
      await images.allocate(ref, 8 * MiB);
      await images.allocate(ref, 8 * MiB);
      expect(await info(ref)).toMatchObject({
        size: 8 * MiB,
        object_size: MiB,
        stripe_unit: 65_536,
        stripe_count: 2,
        features: ['layering', 'striping', 'exclusive-lock'],
      });
      await images.allocate(ref, 12 * MiB);
      expect(await images.sizeBytes(ref)).toBe(12 * MiB);
    });

    test('never shrinks what a class did not ask for', async () => {
      const ref = await newImage();
      const { images } = fixture.open();
      await images.allocate(ref, 4 * MiB);
      expect(await images.sizeBytes(ref)).toBe(8 * MiB);
    });

    test('works in a RADOS namespace and with a data pool', async () => {
      await ceph.createPool('data');
      await ceph.rbd(['namespace', 'create', 'kube/tenants']);
      const { images } = fixture.open({ namespace: 'tenants', options: { dataPool: 'data' } });
      const ref = fixture.newRef();
      await images.allocate(ref, 4 * MiB);
      expect(JSON.parse(await ceph.rbd(['info', '--format', 'json', `kube/tenants/${nameOf(ref)}`]))).toMatchObject({
        data_pool: 'data',
      });
      const copy = fixture.newRef();
      await images.copy(ref, copy);
      await images.remove(copy);
      await images.remove(ref);
      expect(await images.sizeBytes(ref)).toBeUndefined();
    });

    test.each([
      ['a larger size', { imageFeatures: ['layering'] }, 16 * MiB],
      ['other features', { imageFeatures: ['layering', 'exclusive-lock'] }, 8 * MiB],
    ])('refuses an image of that name with %s', async (_case, options, sizeBytes) => {
      const ref = fixture.newRef();
      await ceph.rbd(['create', spec(ref), '--size', `${sizeBytes}B`, '--image-feature', 'layering']);
      await expect(fixture.open({ options }).images.allocate(ref, 8 * MiB)).toRejectWithCode('IMAGE_FOREIGN');
      expect((await info(ref)).size).toBe(sizeBytes);
    });

    test('makes an image anew that a kill left without a header', async () => {
      const ref = await newImage();
      await removeHeader(ref);
      await fixture.open().images.allocate(ref, 8 * MiB);
      expect((await info(ref)).size).toBe(8 * MiB);
    });

    test('refuses a data pool that is missing, and a wrong key', async () => {
      const missing = fixture.open({ options: { dataPool: 'missing' } });
      await expect(missing.images.allocate(fixture.newRef(), MiB)).toRejectWithCode('POOL_NOT_FOUND');
      const denied = fixture.open({ userKey: Secret.fromText('AQBCAAAAAAAAABAAexqGQVLHrCbO1kzGq1PMPA==') });
      await expect(denied.images.allocate(fixture.newRef(), MiB)).toRejectWithCode('CEPH_DENIED');
    });

    test('an image in a pool that is missing has no size and is as good as removed', async () => {
      const { images } = fixture.open();
      const ref = fixture.newRef('volume', 999);
      expect(await images.sizeBytes(ref)).toBeUndefined();
      await images.remove(ref);
    });
  });

  describe('isUnwritten', () => {
    test.each([
      ['by its object map', {}],
      ['by looking for objects', { options: { imageFeatures: ['layering'] } }],
    ])('is known %s', async (_case, options: FixtureOptions) => {
      const ref = await newImage(options);
      const { images } = fixture.open();
      expect(await images.isUnwritten(ref)).toBe(true);
      await ceph.rbd(['bench', '--io-type', 'write', '--io-size', '4096', '--io-total', '4096', spec(ref)]);
      expect(await images.isUnwritten(ref)).toBe(false);
      expect(await images.isUnwritten(fixture.newRef())).toBeUndefined();
    });

    test('is not said of a copy, whatever its source holds', async () => {
      const { images } = fixture.open();
      const [source, copy] = [await newImage(), fixture.newRef()];
      await images.copy(source, copy);
      expect(await images.isUnwritten(copy)).toBe(false);
      await ceph.rbd(['flatten', '--no-progress', spec(copy)]);
      expect(await images.isUnwritten(copy)).toBe(false);
    });
  });

  describe('copy', () => {
    test('of a volume holds the data of that instant and leaves no snapshot in sight', async () => {
      const [source, copy] = [await writtenImage(), fixture.newRef()];
      const { images } = fixture.open();
      await images.copy(source, copy);
      await ceph.rbd(['bench', '--io-type', 'write', '--io-size', '4096', '--io-total', '4096', spec(source)]);
      await images.copy(source, copy);
      expect(await content(copy)).toBe(text);
      expect((await snapshots(source)).map(({ namespace }) => namespace.type)).toEqual(['trash']);
    });

    test('to a snapshot has a snapshot of its own name, from which restores come', async () => {
      const { images } = fixture.open({ options: { imageFeatures: ['layering', 'exclusive-lock'] } });
      const [source, snapshot, restored] = [await writtenImage(), fixture.newRef('snapshot'), fixture.newRef()];
      await images.copy(source, snapshot);
      await images.copy(source, snapshot);
      expect((await snapshots(snapshot)).map(({ name }) => name)).toEqual([nameOf(snapshot)]);
      await images.copy(snapshot, restored);
      expect(await content(restored)).toBe(text);
      expect((await info(restored)).parent).toMatchObject({ image: nameOf(snapshot), snapshot: nameOf(snapshot) });
      await images.allocate(restored, 16 * MiB);
      expect((await info(restored)).features).toEqual(expect.arrayContaining(['layering', 'exclusive-lock']));
    });

    test('after a kill between any two steps ends as if there had been none', async () => {
      const { cli, images, pools } = fixture.open();
      const [source, reference] = [await writtenImage(), fixture.newRef('snapshot')];
      await images.copy(source, reference);
      const place = (ref: ImageRef) => ({ pool: 'kube', namespace: '', image: nameOf(ref) });
      const states: Record<string, (to: ImageRef) => Promise<unknown>> = {
        'a snapshot of the source': (to) => cli.createSnapshot(place(source), nameOf(to)),
        'an image that is tied to nothing': (to) => cli.create(place(to), 8 * MiB, {}),
        'an image without a header': async (to) => {
          await cli.create(place(to), 8 * MiB, {});
          await removeHeader(to);
        },
        'a clone that is not known to be whole': async (to) => {
          await cli.createSnapshot(place(source), nameOf(to));
          await cli.clone(place(source), nameOf(to), place(to), {});
        },
        'no snapshot of the own name': async (to) => {
          await images.copy(source, to);
          await cli.removeSnapshot(place(to), nameOf(to));
          await cli.createSnapshot(place(source), nameOf(to));
        },
      };
      for (const [name, make] of Object.entries(states)) {
        const to = fixture.newRef('snapshot');
        await make(to);
        await images.copy(source, to);
        const state = await readImageState(pools, place(to));
        expect([name, state?.lineage.snapshots, await content(to)]).toEqual([name, [nameOf(to)], text]);
        expect((await snapshots(source)).filter(({ namespace }) => namespace.type === 'user')).toEqual([]);
      }
      expect(await trash()).toEqual([]);
    });

    test('refuses a source that is missing, and a snapshot that was never finished', async () => {
      const { images } = fixture.open();
      await expect(images.copy(fixture.newRef(), fixture.newRef())).toRejectWithCode('VOLUME_NOT_FOUND');
      const unfinished = fixture.newRef('snapshot');
      await images.allocate(unfinished, MiB);
      await expect(images.copy(unfinished, fixture.newRef())).toRejectWithCode('SNAPSHOT_NOT_FOUND');
    });

    test('of a long chain is made independent: behind the scenes first, before it is given out at the limit', async () => {
      const { images, pools, flattening } = fixture.open({ limits: { softDepth: 1, hardDepth: 2 } });
      const depth = async (ref: ImageRef) => {
        const state = await readImageState(pools, { pool: 'kube', namespace: '', image: nameOf(ref) });
        return state && depthOf(pools, state.pool, '', state.id);
      };
      const unlimited = fixture.open().images;
      const chain = [await writtenImage(), fixture.newRef(), fixture.newRef(), fixture.newRef()] as const;
      await unlimited.copy(chain[0], chain[1]);
      await images.copy(chain[1], chain[2]);
      await flattening.settled();
      expect(await depth(chain[2])).toBe(0);
      const deep = [fixture.newRef(), fixture.newRef()] as const;
      await unlimited.copy(chain[1], deep[0]);
      await expect(images.copy(deep[0], deep[1])).toRejectWithCode('VOLUME_BUSY');
      await flattening.settled();
      await images.copy(deep[0], deep[1]);
      expect(await depth(deep[1])).toBe(0);
      expect(await content(deep[1])).toBe(text);
    });

    test('is refused when the source has too many snapshots, until old copies are independent', async () => {
      const { images, flattening } = fixture.open({ limits: { snapshotsToFlatten: 1, snapshotsAtMost: 2 } });
      const source = await writtenImage();
      const unlimited = fixture.open().images;
      for (const _ of [1, 2]) await unlimited.copy(source, fixture.newRef());
      const copy = fixture.newRef();
      await expect(images.copy(source, copy)).toRejectWithCode('SNAPSHOT_LIMIT');
      expect(await images.sizeBytes(copy)).toBeUndefined();
      await flattening.settled();
      await images.copy(source, copy);
      expect(await content(copy)).toBe(text);
    });
  });

  describe('remove', () => {
    test('takes an image away, also one that is gone, and its unfinished copies', async () => {
      const { cli, images } = fixture.open();
      const ref = await writtenImage();
      await cli.createSnapshot({ pool: 'kube', namespace: '', image: nameOf(ref) }, nameOf(fixture.newRef()));
      await images.remove(ref);
      await images.remove(ref);
      expect(await images.sizeBytes(ref)).toBeUndefined();
      expect(await inTrash(ref)).toBe(false);
    });

    test('takes away what a kill left without a header', async () => {
      const ref = await newImage();
      await removeHeader(ref);
      await fixture.open().images.remove(ref);
      expect(await ceph.rbd(['ls', 'kube'])).not.toContain(nameOf(ref));
    });

    test('keeps what copies need in the trash until the last of them is gone', async () => {
      const { images } = fixture.open();
      const [source, snapshot, restored] = [await writtenImage(), fixture.newRef('snapshot'), fixture.newRef()];
      await images.copy(source, snapshot);
      await images.copy(snapshot, restored);
      await images.remove(source);
      await images.remove(snapshot);
      expect([await inTrash(source), await inTrash(snapshot)]).toEqual([true, true]);
      expect(await content(restored)).toBe(text);
      // With it goes what waited for it, and what waited for that.
      await images.remove(restored);
      expect(await trash()).toEqual([]);
    });

    test('goes on after a kill between the trash and the end', async () => {
      const { images } = fixture.open();
      const ref = await newImage();
      await ceph.rbd(['image-meta', 'set', spec(ref), 'keyward.removed', (await info(ref)).id]);
      await ceph.rbd(['trash', 'mv', spec(ref)]);
      await images.remove(ref);
      expect(await inTrash(ref)).toBe(false);
    });

    test('leaves in the trash what an administrator put there', async () => {
      const ref = await newImage();
      await ceph.rbd(['trash', 'mv', spec(ref)]);
      await fixture.open().images.remove(await newImage());
      expect(await inTrash(ref)).toBe(true);
    });

    test('refuses an image that somebody has open, and names the address', async () => {
      const ref = await newImage();
      const { images } = fixture.open();
      await using _watcher = await watch(ceph, spec(ref));
      await expect(images.remove(ref)).toRejectWithCode('VOLUME_IN_USE');
      expect(await images.usedBy(ref)).toMatch(/^127\.[\d.]+:\d+\/\d+$/);
      expect(await images.sizeBytes(ref)).toBe(8 * MiB);
    });
  });

  test('a full cluster is said to be full', async () => {
    const { images } = fixture.open({ cli: { operationTimeoutMs: 5_000 } });
    const ref = await writtenImage();
    await ceph.ceph(['osd', 'set-nearfull-ratio', '0.000001']);
    await ceph.ceph(['osd', 'set-backfillfull-ratio', '0.000001']);
    await ceph.ceph(['osd', 'set-full-ratio', '0.000001']);
    try {
      while (!(await ceph.ceph(['health', 'detail'])).includes('OSD_FULL')) await pause(200);
      await expect(images.allocate(fixture.newRef(), 8 * MiB)).toRejectWithCode('STORAGE_FULL');
      await expect(images.copy(ref, fixture.newRef())).toRejectWithCode('STORAGE_FULL');
    } finally {
      await ceph.ceph(['osd', 'set-full-ratio', '0.97']);
    }
  });
});
