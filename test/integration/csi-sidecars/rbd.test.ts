/**
 * Objects in a real API server become encrypted images in a real Ceph, and take them away again: through the real sidecars,
 * with the arguments and the rights of the emitted Deployment, and with keys in a real OpenBao. What nodes do with the images
 * is in test/kernel.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CEPH_TOOLS, type Ceph, startCeph } from '../../harness/ceph';
import { CsiCluster } from '../../harness/csi-cluster';
import { type BoundVolume, type ClaimOptions, CsiObjects } from '../../harness/csi-objects';
import { describeWith } from '../../harness/describe-with';
import { nodeName, prepareVault, vaultMount } from '../../harness/driver';
import { type OpenBao, startOpenBao } from '../../harness/openbao';
import { findIn, findInFiles, needlesOf } from '../../harness/secret-scan';
import { sidecarComponents } from '../../harness/sidecars';
import { type StallingRelay, stallingRelay } from '../../harness/stalling-relay';
import { pool, RbdController } from './rbd-controller';

jest.setTimeout(600_000);

const GiB = 1024 ** 3;

describeWith(
  ['openbao', ...CEPH_TOOLS, ...sidecarComponents],
  'claims and snapshots through the sidecars, with rbd',
  () => {
    let ceph: Ceph;
    let bao: OpenBao;
    let relay: StallingRelay;
    let controller: RbdController;
    let cluster: CsiCluster;
    let shop: CsiObjects;
    beforeAll(async () => {
      bao = await startOpenBao();
      relay = await stallingRelay(bao.address);
      const { token } = await prepareVault(bao);
      ceph = await startCeph();
      controller = await RbdController.start({ ceph, vault: { address: relay.address, token } });
      cluster = await CsiCluster.start({
        manifests: controller.manifests,
        workload: controller.workload,
        root: controller.root,
        node: { name: nodeName, segments: {} },
        namespaces: ['shop'],
        secrets: controller.requestSecrets,
      });
      shop = new CsiObjects(cluster, 'shop');
    });
    afterAll(async () => {
      await cluster?.stop();
      await controller?.stop();
      await ceph?.stop();
      await relay?.close();
      await bao?.stop();
    });
    afterEach(async () => {
      await shop.deleteAll();
      expect(await left()).toEqual({ images: [], trash: [], journal: [], objects: [], keys: [] });
    });

    /** Ids that the KV engine has a key for. */
    const keys = async (): Promise<string[]> =>
      (await bao.request('LIST', `${vaultMount}/metadata`)).body?.data?.keys ?? [];
    const lines = (text: string) => text.split('\n').filter((line) => line !== '');
    const images = async () => lines(await ceph.rbd(['ls', pool]));
    /** Keys of an omap; none where the object does not exist. */
    const omapKeys = (object: string) =>
      ceph.rados(['-p', pool, 'listomapkeys', object]).then(lines, (error: Error) => {
        if (error.message.includes('No such file')) return [];
        throw error;
      });
    /** All that volumes and snapshots leave anywhere. */
    async function left() {
      const objects = lines(await ceph.rados(['-p', pool, 'ls']));
      return {
        images: await images(),
        trash: lines(await ceph.rbd(['trash', 'ls', '--all', pool])),
        journal: [...(await omapKeys('csi.volumes.default')), ...(await omapKeys('csi.snaps.default'))],
        objects: objects.filter((name) => /^(csi\.volume\.|csi\.snap\.|rbd_(data|header|id|object_map)\.)/.test(name)),
        keys: await keys(),
      };
    }
    const imageOf = ({ attributes }: BoundVolume) => attributes.imageName ?? '';
    const uuidOf = (id: string) => id.slice(-36);
    const sizeOf = async (image: string): Promise<number> =>
      JSON.parse(await ceph.rbd(['info', `${pool}/${image}`, '--format', 'json'])).size;
    const claim = (name: string, storageClass: string, more: Partial<ClaimOptions> = {}) =>
      shop.createClaim({ name, storageClass, sizeBytes: GiB, ...more });
    async function removed(name: string): Promise<void> {
      const { pvName } = await shop.untilBound(name);
      await shop.deleteClaim(name);
      await shop.untilVolumeGone(pvName);
    }

    test.each(['vault', 'metadata'])(
      'KMS %s: create, expand, snapshot, restore, clone, and delete',
      async (className) => {
        const keysOf = (ids: readonly string[]) => (className === 'vault' ? [...ids].sort() : []);
        await claim('first', className);
        const first = await shop.untilBound('first');
        expect(first.capacity).toBe('1Gi');
        expect(await images()).toEqual([`csi-vol-${uuidOf(first.volumeHandle)}`]);
        expect(await keys()).toEqual(keysOf([first.volumeHandle]));

        const before = await sizeOf(imageOf(first));
        await shop.growClaim('first', 2 * GiB);
        await shop.untilNodeExpansionPending('first');
        expect((await sizeOf(imageOf(first))) - before).toBe(GiB);

        await shop.createSnapshot('monday', { snapshotClass: className, claim: 'first' });
        const snapshotId = await shop.untilReady('monday');
        await claim('restored', className, { sizeBytes: 2 * GiB, source: { kind: 'VolumeSnapshot', name: 'monday' } });
        const restored = await shop.untilBound('restored');
        await claim('clone', className, {
          sizeBytes: 3 * GiB,
          source: { kind: 'PersistentVolumeClaim', name: 'first' },
        });
        const clone = await shop.untilBound('clone');
        expect([restored.capacity, clone.capacity]).toEqual(['2Gi', '3Gi']);
        const volumes = [first, restored, clone].map(({ volumeHandle }) => volumeHandle);
        expect(new Set([snapshotId, ...volumes]).size).toBe(4);
        const names = [...volumes.map((id) => `csi-vol-${uuidOf(id)}`), `csi-snap-${uuidOf(snapshotId)}`];
        expect((await images()).sort()).toEqual(names.sort());
        expect(await keys()).toEqual(keysOf([snapshotId, ...volumes]));

        // The source first: what was made of it stands on its own.
        await removed('first');
        await shop.deleteSnapshot('monday');
        await shop.untilSnapshotsGone();
        expect(await keys()).toEqual(keysOf([restored, clone].map(({ volumeHandle }) => volumeHandle)));
        await removed('restored');
        await removed('clone');
      },
    );

    test('an image has the journal, the metadata and the attributes that ceph-csi gives it', async () => {
      await claim('data', 'vault');
      const volume = await shop.untilBound('data');
      const uuid = uuidOf(volume.volumeHandle);
      const image = `csi-vol-${uuid}`;
      expect(volume.volumeHandle).toMatch(/^0001-0004-test-[0-9a-f]{16}-[0-9a-f-]{36}$/);
      expect(volume.attributes).toMatchObject({ clusterID: 'test', pool, journalPool: pool, imageName: image });
      expect(Object.keys(volume.attributes).filter((key) => key.startsWith('csi.storage.k8s.io/'))).toEqual([]);

      expect(await omapKeys('csi.volumes.default')).toEqual([`csi.volume.${volume.pvName}`]);
      const file = join(controller.root, 'value');
      const value = async (key: string) => {
        await ceph.rados(['-p', pool, 'getomapval', `csi.volume.${uuid}`, key, file]);
        return readFileSync(file, 'utf8');
      };
      for (const [key, expected] of Object.entries({
        'csi.volname': volume.pvName,
        'csi.imagename': image,
        'csi.volume.encryptKMS': 'vault',
        'csi.volume.encryptionType': 'block',
        'csi.volume.owner': 'shop',
      })) {
        expect([key, await value(key)]).toEqual([key, expected]);
      }
      const metadata = JSON.parse(await ceph.rbd(['image-meta', 'list', `${pool}/${image}`, '--format', 'json']));
      expect(metadata).toMatchObject({
        'rbd.csi.ceph.com/encrypted': 'encryptionPrepared',
        'csi.storage.k8s.io/pvc/name': 'data',
        'csi.storage.k8s.io/pvc/namespace': 'shop',
        'csi.storage.k8s.io/pv/name': volume.pvName,
      });
    });

    test('R14: a namespace that is deleted takes its images and their keys along', async () => {
      await cluster.kubernetes.expectOk('POST', '/api/v1/namespaces', { metadata: { name: 'leaving' } });
      const leaving = new CsiObjects(cluster, 'leaving');
      await leaving.createClaim({ name: 'data', storageClass: 'vault', sizeBytes: GiB });
      const { pvName, volumeHandle } = await leaving.untilBound('data');
      expect(await keys()).toEqual([volumeHandle]);
      await cluster.kubernetes.expectOk('DELETE', '/api/v1/namespaces/leaving');
      await leaving.untilVolumeGone(pvName);
    });

    test('one image and one key, when the provisioner is killed while the driver makes the volume', async () => {
      controller.forgetPoints();
      relay.stall();
      await claim('interrupted', 'vault');
      while (!controller.hasPassed('create:record')) await sleep(50);
      await cluster.sidecars.kill('csi-provisioner');
      relay.resume();
      const { volumeHandle } = await shop.untilBound('interrupted');
      expect(await images()).toEqual([`csi-vol-${uuidOf(volumeHandle)}`]);
      expect(await keys()).toEqual([volumeHandle]);
    });

    describe('the driver is killed', () => {
      test.each(['begin', 'record', 'key', 'image', 'complete'])('at create:%s: one image, one key', async (step) => {
        await controller.dying(`create:${step}`, () => claim('hurt', 'vault'));
        const { volumeHandle } = await shop.untilBound('hurt');
        expect(await images()).toEqual([`csi-vol-${uuidOf(volumeHandle)}`]);
        expect(await keys()).toEqual([volumeHandle]);
      });

      test.each(['key', 'image'])('at snapshot:%s: one image more, one key more', async (step) => {
        await claim('source', 'vault');
        const { volumeHandle } = await shop.untilBound('source');
        const create = () => shop.createSnapshot('hurt', { snapshotClass: 'vault', claim: 'source' });
        await controller.dying(`snapshot:${step}`, create);
        const snapshotId = await shop.untilReady('hurt');
        expect(await images()).toEqual([`csi-snap-${uuidOf(snapshotId)}`, `csi-vol-${uuidOf(volumeHandle)}`]);
        expect(await keys()).toEqual([snapshotId, volumeHandle].sort());
        await shop.deleteSnapshot('hurt');
        await shop.untilSnapshotsGone();
        await removed('source');
      });

      test.each(['key', 'image', 'record'])('at delete:%s: nothing is left', async (step) => {
        await claim('hurt', 'vault');
        const { pvName } = await shop.untilBound('hurt');
        await controller.dying(`delete:${step}`, () => shop.deleteClaim('hurt'));
        await shop.untilVolumeGone(pvName);
      });
    });

    test.each([
      ['no-pool', 'POOL_NOT_FOUND'],
      ['stranger', 'CEPH_DENIED'],
    ])('an event of a claim of the class %s says %s and what to do', async (className, code) => {
      await claim('refused', className);
      const event = await shop.untilEvent('refused', new RegExp(code));
      // What is called infeasible is not tried again for five minutes.
      expect(event).not.toContain('infeasible');
    });

    test('R14: the API server refused no request of a sidecar', () => {
      const refused = cluster.sidecars.names.flatMap((name) => {
        const written = cluster.sidecars.log(name).split('\n');
        // The snapshotter asks once whether there are snapshots of groups, which this driver does not make.
        return written.filter((line) => line.includes('forbidden') && !line.includes('groupsnapshot'));
      });
      expect(refused).toEqual([]);
    });

    test('neither an event nor a log shows a secret', async () => {
      const needles = controller.secrets.flatMap((secret, index) => needlesOf(`secret ${index}`, secret));
      expect(findIn((await shop.events()).join('\n'), needles)).toEqual([]);
      expect(findInFiles(join(controller.root, 'log'), needles)).toEqual([]);
    });
  },
);
