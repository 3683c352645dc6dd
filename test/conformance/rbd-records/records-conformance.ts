/** Our own records on RBD, and what of them ceph-csi finds and changes; run in memory and on a real Ceph. */
import { locateImage } from '../../../runtime/device/rbd/locate';
import {
  clusterId,
  encryption,
  headerBytes,
  MiB,
  type RecordsFixture,
  sizeBytes,
  uuidOf,
  volumeRecord,
  volumeStore,
} from './records-fixture';
import { complete, imageOf, type RecordsScene, recordsScene, wrapped } from './records-scene';

export function describeRecords(where: string, start: () => Promise<RecordsFixture>): void {
  describe(`records of RBD: ${where}`, () => {
    let fixture: RecordsFixture;
    let instanceId: string;
    let volumes: RecordsScene['volumes'];
    let snapshots: RecordsScene['snapshots'];
    let entryOf: RecordsScene['entryOf'];
    let metadataOf: RecordsScene['metadataOf'];
    let put: RecordsScene['put'];
    let create: RecordsScene['create'];
    beforeAll(async () => {
      fixture = await start();
    }, 240_000);
    beforeEach(() => {
      ({ instanceId, volumes, snapshots, entryOf, metadataOf, put, create } = recordsScene(fixture));
    });

    describe('what ceph-csi finds', () => {
      test('the journal, key for key', async () => {
        const record = await put();
        const uuid = uuidOf(record.id);
        expect(await fixture.omap('kube', `csi.volumes.${instanceId}`)).toEqual({ 'csi.volume.pvc-1': uuid });
        const keys = {
          'csi.volname': 'pvc-1',
          'csi.imagename': `csi-vol-${uuid}`,
          'csi.volume.encryptKMS': 'tenants',
          'csi.volume.encryptionType': 'block',
          'csi.volume.owner': 'team-a',
          'keyward.record': expect.any(String),
        };
        expect(await entryOf(record.id)).toEqual(keys);
        await fixture.image('kube', imageOf(record.id), sizeBytes + headerBytes);
        await volumes.update(record.id, complete);
        expect(await entryOf(record.id)).toEqual({ ...keys, 'csi.imageid': expect.stringMatching(/^[0-9a-f]+$/) });
      });

      test('no owner where none is known, and the name prefix of the class', async () => {
        const golden = volumeStore({ pools: fixture.pools, instanceId, imageNamePrefix: 'gold-' });
        const record = encryption({ owner: '' })(volumeRecord(await golden.reserve('pvc-1'), 'pvc-1'));
        await golden.put(record);
        expect(Object.keys((await entryOf(record.id)) ?? {})).not.toContain('csi.volume.owner');
        expect(await locateImage({ clusterId, pools: fixture.pools }, 'ns', { kind: 'volume', id: record.id })).toEqual(
          { pool: 'kube', namespace: 'ns', image: `gold-${uuidOf(record.id)}` },
        );
      });

      test('the entry of a snapshot names the image it was taken of', async () => {
        const source = await create();
        const id = await snapshots.reserve('snapshot-1');
        const { id: _id, ...rest } = volumeRecord(id, 'snapshot-1');
        const record = { id, ...rest, sourceVolumeId: source.id };
        await snapshots.put(record);
        expect(await fixture.omap('kube', `csi.snaps.${instanceId}`)).toEqual({ 'csi.snap.snapshot-1': uuidOf(id) });
        expect(await fixture.omap('kube', `csi.snap.${uuidOf(id)}`)).toMatchObject({
          'csi.snapname': 'snapshot-1',
          'csi.imagename': `csi-snap-${uuidOf(id)}`,
          'csi.source': imageOf(source.id),
          'csi.volume.encryptKMS': 'tenants',
          'csi.volume.encryptionType': 'block',
          'csi.volume.owner': 'team-a',
        });
        await fixture.image('kube', `csi-snap-${uuidOf(id)}`, sizeBytes + headerBytes);
        // Its source may be deleted before it is finished: a layered copy stands by itself.
        await volumes.forget(source.id, source.name);
        await snapshots.update(id, complete);
        expect(await snapshots.get(id)).toEqual(complete(record));
        expect(await snapshots.list()).toEqual([id]);
        expect(await volumes.get(id)).toBeUndefined();
      });

      test('the state of the encryption and the size of the header, as the first use goes on', async () => {
        const { id } = await create();
        const header = { 'rbd.csi.ceph.com/luks2HeaderSize': String(headerBytes) };
        expect(await metadataOf(id)).toEqual({ ...header, 'rbd.csi.ceph.com/encrypted': 'encryptionPrepared' });
        await volumes.update(id, encryption({ phase: 'formatting' }));
        expect(await metadataOf(id)).toEqual({ ...header, 'rbd.csi.ceph.com/encrypted': 'encryptionPrepared' });
        await volumes.update(id, encryption({ phase: 'formatted' }));
        expect(await metadataOf(id)).toEqual({ ...header, 'rbd.csi.ceph.com/encrypted': 'encrypted' });
        await volumes.update(id, encryption({ phase: 'ready' }));
        expect(await metadataOf(id)).toEqual({ ...header, 'rbd.csi.ceph.com/encrypted': 'encrypted' });
      });

      test('the wrapped key at the image of a finished volume, and in one place only', async () => {
        const { id } = await create('pvc-1', 'wrapped-1');
        expect(await metadataOf(id)).toMatchObject({ 'rbd.csi.ceph.com/dek': 'wrapped-1' });
        expect((await entryOf(id))?.['keyward.record']).not.toContain('wrapped');
        expect((await volumes.get(id))?.encryption.wrappedDek).toBe('wrapped-1');
        const before = await entryOf(id);
        await volumes.update(id, wrapped('wrapped-2'));
        expect(await metadataOf(id)).toMatchObject({ 'rbd.csi.ceph.com/dek': 'wrapped-2' });
        expect(await entryOf(id)).toEqual(before);
        expect((await volumes.get(id))?.encryption.wrappedDek).toBe('wrapped-2');
        await volumes.update(id, encryption({ phase: 'ready' }));
        expect((await volumes.get(id))?.encryption).toMatchObject({ wrappedDek: 'wrapped-2', phase: 'ready' });
      });

      test('the wrapped key of a volume whose record was finished from the start, once it changes', async () => {
        const record = wrapped('own')(complete(volumeRecord(await volumes.reserve('pvc-1'), 'pvc-1')));
        await volumes.put(record);
        await fixture.image('kube', imageOf(record.id), sizeBytes + headerBytes);
        await fixture.setImageMetadata('kube', imageOf(record.id), 'rbd.csi.ceph.com/dek', 'of a source');
        expect(await volumes.get(record.id)).toEqual(record);
        await volumes.update(record.id, encryption({ phase: 'formatting' }));
        expect(await metadataOf(record.id)).toMatchObject({ 'rbd.csi.ceph.com/dek': 'own' });
        expect((await entryOf(record.id))?.['keyward.record']).not.toContain('wrapped');
        expect((await volumes.get(record.id))?.encryption.wrappedDek).toBe('own');
      });

      test('names for people, where they are wanted', async () => {
        const labels = new Map([['csi.storage.k8s.io/pvc/name', 'data']]);
        const labelled = volumeStore({ pools: fixture.pools, instanceId, labels });
        const { id } = await create('pvc-1', undefined, labelled);
        expect(await metadataOf(id)).toMatchObject({ 'csi.storage.k8s.io/pvc/name': 'data' });
      });

      test('R13: nothing of the source in a clone, whose image came with its metadata', async () => {
        const record = await put();
        await volumes.update(record.id, wrapped('own'));
        const image = imageOf(record.id);
        await fixture.image('kube', image, sizeBytes + headerBytes);
        await fixture.setImageMetadata('kube', image, 'rbd.csi.ceph.com/encrypted', 'encrypted');
        await fixture.setImageMetadata('kube', image, 'rbd.csi.ceph.com/dek', 'of the source');
        await fixture.setImageMetadata('kube', image, '.rbd.csi.ceph.com/dek', 'of the source');
        expect((await volumes.get(record.id))?.encryption).toEqual({ ...record.encryption, wrappedDek: 'own' });
        await volumes.update(record.id, complete);
        expect(await metadataOf(record.id)).toEqual({
          'rbd.csi.ceph.com/encrypted': 'encryptionPrepared',
          'rbd.csi.ceph.com/dek': 'own',
          'rbd.csi.ceph.com/luks2HeaderSize': String(headerBytes),
        });
        expect((await volumes.get(record.id))?.encryption).toEqual({ ...record.encryption, wrappedDek: 'own' });
      });

      test('R13: no wrapped key in a clone whose KMS keeps the keys itself', async () => {
        const record = await put();
        await fixture.image('kube', imageOf(record.id), sizeBytes + headerBytes);
        await fixture.setImageMetadata('kube', imageOf(record.id), 'rbd.csi.ceph.com/dek', 'of the source');
        await volumes.update(record.id, (it) => complete(encryption({ phase: 'ready' })(it)));
        expect(Object.keys(await metadataOf(record.id))).not.toContain('rbd.csi.ceph.com/dek');
        expect((await volumes.get(record.id))?.encryption).toEqual({ ...record.encryption, phase: 'ready' });
      });
    });

    describe('what another driver does to a volume of ours', () => {
      test('R1: a volume that it formatted is not ours to format', async () => {
        const { id, encryption: own } = await create();
        await fixture.setImageMetadata('kube', imageOf(id), 'rbd.csi.ceph.com/encrypted', 'encrypted');
        expect((await volumes.get(id))?.encryption).toEqual({ ...own, phase: 'formatted', foreign: true });
        await volumes.update(id, encryption({ phase: 'ready' }));
        expect((await volumes.get(id))?.encryption).toEqual({ ...own, phase: 'ready', foreign: true });
      });

      test('R16: a volume that it enlarged is larger', async () => {
        const { id } = await create();
        await fixture.image('kube', imageOf(id), sizeBytes + headerBytes + 8 * MiB);
        expect((await volumes.get(id))?.sizeBytes).toBe(sizeBytes + 8 * MiB);
      });

      test('R2: a key that it rotated is the key', async () => {
        const { id } = await create('pvc-1', 'wrapped-1');
        await fixture.setImageMetadata('kube', imageOf(id), 'rbd.csi.ceph.com/dek', 'wrapped-2');
        expect((await volumes.get(id))?.encryption.wrappedDek).toBe('wrapped-2');
      });

      test('another owner in the journal stays, whatever else is changed', async () => {
        const { id } = await create();
        await fixture.setOmap('kube', `csi.volume.${uuidOf(id)}`, { 'csi.volume.owner': 'team-b' });
        await volumes.update(id, encryption({ phase: 'formatting' }));
        expect(await entryOf(id)).toMatchObject({ 'csi.volume.owner': 'team-b' });
        await volumes.update(id, encryption({ owner: 'team-c', kmsId: 'other' }));
        expect(await entryOf(id)).toMatchObject({ 'csi.volume.owner': 'team-c', 'csi.volume.encryptKMS': 'other' });
      });
    });
  });
}
