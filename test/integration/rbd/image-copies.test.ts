/** Copies of images of the RBD back end on a real Ceph. What is not under test goes through `rbd` and `rados` as administrator. */
import type { ImageRef } from '../../../runtime/device/back-end';
import { readImageState } from '../../../runtime/device/rbd/image-state';
import { depthOf } from '../../../runtime/device/rbd/lineage';
import { CEPH_TOOLS, type Ceph, startCeph } from '../../harness/ceph';
import { describeWith } from '../../harness/describe-with';
import { imageFacts, MiB, text } from './image-facts';
import { ImagesFixture, nameOf } from './images-fixture';

jest.setTimeout(600_000);

describeWith(CEPH_TOOLS, 'a copy of an image in a Ceph cluster', () => {
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

  const { spec, info, trash, snapshots, content, removeHeader, writtenImage } = imageFacts(() => fixture);

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
