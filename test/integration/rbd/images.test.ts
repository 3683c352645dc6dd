/** Images of the RBD back end on a real Ceph. What is not under test goes through `rbd` and `rados` as administrator. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ImageRef } from '../../../runtime/device/back-end';
import { run } from '../../../runtime/process/run';
import { Secret } from '../../../runtime/secret';
import { CEPH_TOOLS, type Ceph, startCeph } from '../../harness/ceph';
import { describeWith } from '../../harness/describe-with';
import { imageFacts, MiB, text } from './image-facts';
import { type FixtureOptions, ImagesFixture, nameOf, watch, watchObject } from './images-fixture';

jest.setTimeout(600_000);

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

  const { spec, info, trash, inTrash, content, removeHeader, newImage, writtenImage } = imageFacts(() => fixture);

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

  describe('reclaim', () => {
    const imported = async (): Promise<ImageRef> => {
      const ref = fixture.newRef();
      const features = ['--image-feature', 'layering', '--image-feature', 'exclusive-lock'];
      await ceph.rbd(['import', '--no-progress', ...features, '-', spec(ref)], text.padEnd(12 * MiB, '\0'));
      return ref;
    };
    /** Zeros that the storage keeps, as the discard of a part of an object leaves them in some stores. */
    const keepZeros = async (ref: ImageRef): Promise<string> => {
      const object = `rbd_data.${(await info(ref)).id}.0000000000000001`;
      await ceph.rados(['-p', 'kube', 'create', object]);
      await ceph.rados(['-p', 'kube', 'truncate', object, String(4 * MiB)]);
      return object;
    };
    const objects = async () => (await ceph.rados(['-p', 'kube', 'ls'])).split('\n');

    test.each([
      ['of an image that nobody has open', false],
      ['of one that a node has open', true],
    ])('gives back the zeros %s, and nothing else', async (_case, isOpen) => {
      const ref = await imported();
      const object = await keepZeros(ref);
      expect(await objects()).toContain(object);
      await using _watcher = isOpen ? await watch(ceph, spec(ref)) : undefined;
      await fixture.open().images.reclaim(ref);
      expect(await objects()).not.toContain(object);
      expect(await content(ref)).toBe(text);
    });

    test('stands in the way of no writer that has the lock of the image, and loses nothing of what it writes', async () => {
      const ref = await imported();
      const object = await keepZeros(ref);
      const bench = [
        'bench',
        '--io-type',
        'write',
        '--io-size',
        '4096',
        '--io-threads',
        '1',
        '--io-total',
        String(2 * MiB),
      ];
      const writing = ceph.rbd([...bench, spec(ref)]);
      await fixture.open().images.reclaim(ref);
      await writing;
      expect(await objects()).not.toContain(object);
      const [written = ''] = [await ceph.rbd(['export', '--no-progress', spec(ref), '-'])];
      expect(written.slice(0, 2 * MiB)).not.toContain('\0');
    });

    test('refuses an image that is not there', async () => {
      await expect(fixture.open().images.reclaim(fixture.newRef())).toRejectWithCode('VOLUME_NOT_FOUND');
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

    test('leaves what somebody has open in the trash, having tried once, and takes it with the next removal', async () => {
      const tried: string[] = [];
      const { images } = fixture.open({
        run: (command, args, options) => {
          if (args.includes('trash') && args.includes('rm')) tried.push(command);
          return run(command, args, options);
        },
      });
      const [source, copy] = [await writtenImage(), fixture.newRef()];
      const { id } = await info(source);
      await images.copy(source, copy);
      await images.remove(source);
      {
        await using _watcher = await watchObject(ceph, 'kube', `rbd_header.${id}`);
        await images.remove(copy);
        expect([await inTrash(source), await inTrash(copy)]).toEqual([true, false]);
        // The copy and its source, each once.
        expect(tried).toHaveLength(2);
      }
      await images.remove(await newImage());
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
