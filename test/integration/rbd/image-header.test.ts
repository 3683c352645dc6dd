/** What we read and write of an image's header is what the `rbd` command shows and writes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { changeMetadata, imageIdOf, readImageHeader } from '../../../runtime/device/rbd/image-header';
import { RadosCluster } from '../../../runtime/device/rbd/rados/cluster';
import type { RadosObjects } from '../../../runtime/device/rbd/rados/objects';
import { Secret } from '../../../runtime/secret';
import { CEPH_TOOLS, type Ceph, startCeph } from '../../harness/ceph';
import { describeWith } from '../../harness/describe-with';

jest.setTimeout(240_000);

const MiB = 1024 * 1024;
const encrypted = 'rbd.csi.ceph.com/encrypted';
const dek = 'rbd.csi.ceph.com/dek';

describeWith(CEPH_TOOLS, 'the header of an RBD image', () => {
  let ceph: Ceph;
  let cluster: RadosCluster;
  let objects: RadosObjects;
  let id: string;

  const shown = async () => JSON.parse(await ceph.rbd(['image-meta', 'list', 'kube/image', '--format', 'json']));
  const metadata = async () => Object.fromEntries((await readImageHeader(objects, id))?.metadata ?? []);

  beforeAll(async () => {
    ceph = await startCeph();
    await ceph.createPool('kube');
    await ceph.rbd(['create', 'kube/image', '--size', '24M', '--image-feature', 'layering,exclusive-lock']);
    const userKey = Secret.fromText(await ceph.createUser('csi'));
    cluster = await RadosCluster.connect({ monitors: ceph.monitors, userId: 'csi', userKey });
    objects = cluster.objects('kube', '');
    id = (await imageIdOf(objects, 'image')) ?? '';
  });
  afterAll(async () => {
    await cluster?.close();
    await ceph?.stop();
  });

  test('has the id, the size and the features that rbd info shows', async () => {
    const info = JSON.parse(await ceph.rbd(['info', 'kube/image', '--format', 'json']));
    expect(id).toBe(info.id);
    const { createdAt = '', ...header } = (await readImageHeader(objects, id)) ?? {};
    expect(header).toEqual({ sizeBytes: 24 * MiB, features: 0b101n, metadata: new Map() });
    // rbd shows whole seconds, in the words of asctime and the time zone of the process.
    expect(Date.parse(info.create_timestamp)).toBe(Math.floor(Date.parse(createdAt) / 1000) * 1000);
    expect(info).toMatchObject({ size: 24 * MiB, features: ['layering', 'exclusive-lock'] });
  });

  test('follows a resize', async () => {
    await ceph.rbd(['resize', 'kube/image', '--size', '32M', '--no-progress']);
    expect((await readImageHeader(objects, id))?.sizeBytes).toBe(32 * MiB);
  });

  test('an image that does not exist has none, and none is made', async () => {
    expect(await imageIdOf(objects, 'missing')).toBeUndefined();
    expect(await readImageHeader(objects, 'missing')).toBeUndefined();
    expect(await changeMetadata(objects, 'missing', { set: new Map([['k', 'v']]) })).toBe(false);
    expect(await readImageHeader(objects, 'missing')).toBeUndefined();
  });

  test('an image without an id yet has none; refuses an id that cannot be read', async () => {
    await ceph.rados(['-p', 'kube', 'create', 'rbd_id.begun']);
    expect(await imageIdOf(objects, 'begun')).toBeUndefined();
    await ceph.rados(['-p', 'kube', 'put', 'rbd_id.begun', '-'], 'xx');
    await expect(imageIdOf(objects, 'begun')).rejects.toMatchObject({ code: 'CEPH_FAILED' });
    await ceph.rados(['-p', 'kube', 'setomapval', 'rbd_header.broken', 'size', 'x']);
    await expect(readImageHeader(objects, 'broken')).rejects.toMatchObject({ code: 'CEPH_FAILED' });
  });

  test('metadata that is set here is shown by rbd, and the other way round (R8)', async () => {
    const set = new Map([
      [encrypted, 'encryptionPrepared'],
      [dek, '{"wrapped":"ü"}'],
    ]);
    expect(await changeMetadata(objects, id, { set })).toBe(true);
    expect(await shown()).toEqual(Object.fromEntries(set));
    await ceph.rbd(['image-meta', 'set', 'kube/image', encrypted, 'encrypted']);
    await ceph.rbd(['image-meta', 'set', 'kube/image', 'csi.storage.k8s.io/pvc/name', 'data']);
    expect(await metadata()).toEqual({
      [encrypted]: 'encrypted',
      [dek]: '{"wrapped":"ü"}',
      'csi.storage.k8s.io/pvc/name': 'data',
    });
    expect(await changeMetadata(objects, id, { remove: ['csi.storage.k8s.io/pvc/name', 'never-there'] })).toBe(true);
    await ceph.rbd(['image-meta', 'remove', 'kube/image', encrypted]);
    expect(await metadata()).toEqual({ [dek]: '{"wrapped":"ü"}' });
    expect(await shown()).toEqual({ [dek]: '{"wrapped":"ü"}' });
  });

  test('refuses a change whose expectation does not hold, as a whole', async () => {
    await changeMetadata(objects, id, { set: new Map([[dek, 'old']]), remove: [encrypted] });
    const set = new Map([[dek, 'new']]);
    expect(await changeMetadata(objects, id, { expect: new Map([[dek, 'other']]), set, remove: [dek] })).toBe(false);
    expect(await changeMetadata(objects, id, { expect: new Map([[dek, undefined]]), set })).toBe(false);
    const both = new Map<string, string | undefined>([
      [dek, 'old'],
      [encrypted, 'encrypted'],
    ]);
    expect(await changeMetadata(objects, id, { expect: both, set })).toBe(false);
    expect(await metadata()).toEqual({ [dek]: 'old' });
    expect(await changeMetadata(objects, id, { expect: new Map([...both, [encrypted, undefined]]), set })).toBe(true);
    expect(await shown()).toEqual({ [dek]: 'new' });
  });

  test('who has the image open is told as rbd status tells it, in process', async () => {
    const pool = (await cluster.poolByName('kube'))?.id ?? -1;
    const watchers = () => cluster.watchers(pool, '', 'image');
    expect(await watchers()).toEqual([]);
    expect(await cluster.watchers(pool, '', 'no-such-image')).toEqual([]);
    // It ends when its input does.
    const user = spawn('rbd', ['-c', ceph.configFile, 'watch', 'kube/image'], { stdio: ['pipe', 'ignore', 'ignore'] });
    try {
      while ((await watchers()).length === 0) await pause(200);
      const status = JSON.parse(await ceph.rbd(['status', 'kube/image', '--format', 'json']));
      expect(await watchers()).toEqual(status.watchers.map(({ address }: { address: string }) => address));
    } finally {
      user.stdin.end('\n');
      await once(user, 'exit');
    }
    while ((await watchers()).length > 0) await pause(200);
  });

  test('reading makes nobody a watcher of the image', async () => {
    await readImageHeader(objects, id);
    expect(JSON.parse(await ceph.rbd(['status', 'kube/image', '--format', 'json'])).watchers).toEqual([]);
  });
});
