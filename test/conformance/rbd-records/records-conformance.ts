/** Our own records on RBD, and what of them ceph-csi finds; run in memory and on a real Ceph. */
import { randomUUID } from 'node:crypto';
import { decodeId } from '../../../runtime/device/rbd/ids';
import { locateImage } from '../../../runtime/device/rbd/locate';
import type { RbdRecords } from '../../../runtime/device/rbd/records';
import type { SnapshotRecord, VolumeRecord } from '../../../runtime/device/record';
import {
  clusterId,
  encryption,
  headerBytes,
  MiB,
  type RecordsFixture,
  sizeBytes,
  snapshotStore,
  uuidOf,
  volumeRecord,
  volumeStore,
} from './records-fixture';

const wrapped = (text: string) => encryption({ wrappedDek: text });
const complete = <R extends VolumeRecord | SnapshotRecord>(record: R): R => ({ ...record, complete: true });

export function describeRecords(where: string, start: () => Promise<RecordsFixture>): void {
  describe(`records of RBD: ${where}`, () => {
    let fixture: RecordsFixture;
    /** Directories of its own for each test. */
    let instanceId: string;
    let volumes: RbdRecords<VolumeRecord>;
    let volumesElsewhere: RbdRecords<VolumeRecord>;
    let snapshots: RbdRecords<SnapshotRecord>;
    beforeAll(async () => {
      fixture = await start();
    }, 240_000);
    beforeEach(() => {
      instanceId = randomUUID();
      volumes = volumeStore({ pools: fixture.pools, instanceId });
      volumesElsewhere = volumeStore({ pools: fixture.others, instanceId });
      snapshots = snapshotStore({ pools: fixture.pools, instanceId });
    });
    const entryOf = (id: string) => fixture.omap('kube', `csi.volume.${uuidOf(id)}`);
    const imageOf = (id: string) => `csi-vol-${uuidOf(id)}`;
    const metadataOf = (id: string) => fixture.imageMetadata('kube', imageOf(id));
    const put = async (name = 'pvc-1') => {
      const record = volumeRecord(await volumes.reserve(name), name);
      await volumes.put(record);
      return record;
    };
    /** As CreateVolume does: record, key, image, complete. */
    const create = async (name = 'pvc-1', dek?: string) => {
      const record = await put(name);
      if (dek !== undefined) await volumes.update(record.id, wrapped(dek));
      await fixture.image('kube', imageOf(record.id), sizeBytes + headerBytes);
      await volumes.update(record.id, complete);
      return complete(record);
    };

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
        volumes = volumeStore({ pools: fixture.pools, instanceId, imageNamePrefix: 'gold-' });
        const record = encryption({ owner: '' })(volumeRecord(await volumes.reserve('pvc-1'), 'pvc-1'));
        await volumes.put(record);
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
        volumes = volumeStore({ pools: fixture.pools, instanceId, labels });
        const { id } = await create();
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

    describe('at the same time', () => {
      test('20 reservations of one name by two processes give one id', async () => {
        const stores = Array.from({ length: 20 }, (_, index) => (index % 2 ? volumes : volumesElsewhere));
        const ids = await Promise.all(stores.map((store) => store.reserve('pvc-1')));
        expect(new Set(ids).size).toBe(1);
        expect(decodeId(ids[0] ?? '')).toMatchObject({ clusterId, uuid: uuidOf(ids[0] ?? '') });
        expect(await volumes.reserve('pvc-1')).toBe(ids[0]);
        expect(await volumes.reserve('pvc-10')).not.toBe(ids[0]);
        expect(await snapshots.reserve('pvc-1')).not.toBe(ids[0]);
      });

      test('of two first records one is kept, and the other process hears of it', async () => {
        const id = await volumes.reserve('pvc-1');
        const records = Array.from({ length: 6 }, () => volumeRecord(id, 'pvc-1'));
        const puts = records.map((record, index) => (index % 2 ? volumes : volumesElsewhere).put(record));
        const ended = await Promise.allSettled(puts);
        const kept = records.filter((_, index) => ended[index]?.status === 'fulfilled');
        expect(kept).toHaveLength(1);
        expect(await volumes.get(id)).toEqual(kept[0]);
        await volumes.put(kept[0] as VolumeRecord);
        await expect(volumes.put(volumeRecord(id, 'pvc-1'))).toRejectWithCode('VOLUME_BUSY');
      });

      test('updates of two processes, of different fields, lose nothing', async () => {
        const { id } = await create('pvc-1', 'wrapped-1');
        const changes = [
          ...Array.from({ length: 10 }, () => (it: VolumeRecord) => ({ ...it, sizeBytes: it.sizeBytes + 1 })),
          ...Array.from({ length: 8 }, (_, index) => (it: VolumeRecord) => ({
            ...it,
            mkfsOptions: [...(it.mkfsOptions?.split(' ') ?? []), `-${index}`].join(' '),
          })),
          encryption({ phase: 'formatting' }),
          wrapped('wrapped-2'),
        ];
        await Promise.all(changes.map((change, index) => (index % 2 ? volumes : volumesElsewhere).update(id, change)));
        const record = await volumes.get(id);
        expect(record).toMatchObject({ encryption: { phase: 'formatting', wrappedDek: 'wrapped-2' } });
        expect(record?.sizeBytes).toBe(sizeBytes + 10);
        expect(record?.mkfsOptions?.split(' ').sort()).toEqual(Array.from({ length: 8 }, (_, index) => `-${index}`));
      }, 120_000);

      test.each([
        ['unfinished', put],
        ['finished', create],
      ])('R2: of many that replace the wrapped key of an %s volume, one does', async (_, make) => {
        const { id } = await make();
        await volumes.update(id, wrapped('wrapped-1'));
        const replace = (text: string) => (it: VolumeRecord) => {
          if (it.encryption.wrappedDek !== 'wrapped-1') throw new Error('it is another key by now');
          return wrapped(text)(it);
        };
        const texts = Array.from({ length: 12 }, (_, index) => `mine-${index}`);
        const updates = texts.map((text, index) => (index % 2 ? volumes : volumesElsewhere).update(id, replace(text)));
        const ended = await Promise.allSettled(updates);
        const won = texts.filter((_, index) => ended[index]?.status === 'fulfilled');
        expect(won).toHaveLength(1);
        expect((await volumesElsewhere.get(id))?.encryption.wrappedDek).toBe(won[0]);
      });

      test('the key of a volume that is being finished is not lost to another process', async () => {
        const { id } = await put();
        await volumes.update(id, wrapped('wrapped-0'));
        await fixture.image('kube', imageOf(id), sizeBytes + headerBytes);
        const replace = (from: string, to: string) => (it: VolumeRecord) => {
          if (it.encryption.wrappedDek !== from) throw new Error('it is another key by now');
          return wrapped(to)(it);
        };
        const [, replaced] = await Promise.all([
          volumes.update(id, complete),
          volumesElsewhere.update(id, replace('wrapped-0', 'wrapped-1')),
        ]);
        expect(replaced.encryption.wrappedDek).toBe('wrapped-1');
        expect(await volumes.get(id)).toMatchObject({ complete: true, encryption: { wrappedDek: 'wrapped-1' } });
        expect(await metadataOf(id)).toMatchObject({ 'rbd.csi.ceph.com/dek': 'wrapped-1' });
      });
    });

    describe('finding', () => {
      test('lists volumes of several pools, and only what has a record', async () => {
        const other = volumeStore({ pools: fixture.pools, instanceId, pool: 'other' });
        const ids = [(await create('pvc-1')).id, (await put('pvc-2')).id, await other.reserve('pvc-3')];
        await other.put(volumeRecord(ids[2] ?? '', 'pvc-3'));
        await volumes.reserve('reserved-only');
        await fixture.setOmap('kube', `csi.volumes.${instanceId}`, {
          'csi.volume.0001-0006-prod-b-0000000000000003-old': '0001-0006-prod-a-0000000000000007-new',
        });
        expect(await volumes.list()).toEqual(ids.sort());
        expect(await other.get(ids[2] ?? '')).toEqual(await volumes.get(ids[2] ?? ''));
        expect(await snapshots.list()).toEqual([]);
      });

      test('a pool with another name holds the same volumes', async () => {
        const record = await create();
        await fixture.renamePool('kube', 'kube-renamed');
        try {
          const ref = { kind: 'volume', id: record.id } as const;
          expect(await volumes.get(record.id)).toEqual(record);
          expect((await locateImage({ clusterId, pools: fixture.pools }, '', ref)).pool).toBe('kube-renamed');
          await expect(volumes.reserve('pvc-2')).toRejectWithCode('POOL_NOT_FOUND');
        } finally {
          await fixture.renamePool('kube-renamed', 'kube');
        }
      });

      test.each([
        ['is not JSON', 'top-secret-text'],
        ['lacks a field', '{"id":"top-secret-text"}'],
      ])('rejects a record that %s, without quoting it', async (_, text) => {
        const { id } = await put();
        await fixture.setOmap('kube', `csi.volume.${uuidOf(id)}`, { 'keyward.record': text });
        await expect(volumes.get(id)).toRejectWithCode('RECORD_INVALID');
        const failing = volumes.update(id, (it) => it);
        await expect(failing).toRejectWithCode('RECORD_INVALID');
        expect(String(await failing.catch((error: Error) => error.message))).not.toContain('secret');
        expect(await entryOf(id)).toMatchObject({ 'keyward.record': text });
      });

      test('rejects a record under the id of another, an image name that is an option, a directory that leads nowhere', async () => {
        const first = await put('pvc-1');
        const second = await put('pvc-2');
        const text = (await entryOf(first.id))?.['keyward.record'] ?? '';
        await fixture.setOmap('kube', `csi.volume.${uuidOf(second.id)}`, { 'keyward.record': text });
        await expect(volumes.get(second.id)).toRejectWithCode('RECORD_INVALID');
        for (const name of ['-c/etc/passwd', 'other-pool/image', 'image@snap', '']) {
          await fixture.setOmap('kube', `csi.volume.${uuidOf(first.id)}`, { 'csi.imagename': name });
          await expect(volumes.get(first.id)).toRejectWithCode('RECORD_INVALID');
        }
        await fixture.setOmap('kube', `csi.volumes.${instanceId}`, { 'csi.volume.pvc-3': '../../etc/passwd' });
        await expect(volumes.reserve('pvc-3')).toRejectWithCode('RECORD_INVALID');
      });

      test('refuses to store what it could not read back, and keeps what it has', async () => {
        const record = await create();
        await expect(volumes.update(record.id, (it) => ({ ...it, sizeBytes: -1 }))).toRejectWithCode('RECORD_INVALID');
        expect(await volumes.get(record.id)).toEqual(record);
        const id = await volumes.reserve('pvc-2');
        await expect(volumes.put({ ...volumeRecord(id, 'pvc-2'), sizeBytes: -1 })).toRejectWithCode('RECORD_INVALID');
        expect(await volumes.get(id)).toBeUndefined();
      });

      test.each(['', '..', 'pvc-1', '../kube', '/etc/passwd'])('the malformed id %j is nobody', async (id) => {
        expect(await volumes.get(id)).toBeUndefined();
        await volumes.forget(id, 'pvc-1');
        await expect(volumes.update(id, (it) => it)).toRejectWithCode('VOLUME_NOT_FOUND');
        await expect(snapshots.update(id, (it) => it)).toRejectWithCode('SNAPSHOT_NOT_FOUND');
      });

      test('an id of another cluster, of a pool that is gone, or with nothing behind it is nobody', async () => {
        const { id } = await put();
        const poolId = decodeId(id)?.poolId.toString(16).padStart(16, '0') ?? '';
        const others = [
          id.replace('prod-a', 'prod-b'),
          id.replace(poolId, '00000000000fffff'),
          `${id.slice(0, -36)}${randomUUID()}`,
        ];
        for (const other of others) {
          expect(await volumes.get(other)).toBeUndefined();
          await volumes.forget(other, 'pvc-1');
          await expect(volumes.update(other, (it) => it)).toRejectWithCode('VOLUME_NOT_FOUND');
        }
        expect(await volumes.reserve('pvc-1')).toBe(id);
      });

      test('refuses names that are no key', async () => {
        await expect(volumes.reserve('')).toRejectWithCode('REQUEST_INVALID');
        await expect(volumes.reserve('a\0b')).toRejectWithCode('REQUEST_INVALID');
        const names = ['../../etc/passwd', 'a/b', 'ü', 'x'.repeat(1_000)];
        const ids = await Promise.all(names.map((name) => volumes.reserve(name)));
        expect(new Set(ids).size).toBe(names.length);
      });
    });

    describe('forgetting', () => {
      test('leaves nothing, and can be repeated', async () => {
        const { id } = await create();
        await fixture.removeImage('kube', imageOf(id));
        await volumes.forget(id, 'pvc-1');
        await volumes.forget(id, 'pvc-1');
        expect(await entryOf(id)).toBeUndefined();
        expect(await fixture.omap('kube', `csi.volumes.${instanceId}`)).toEqual({});
        expect(await volumes.get(id)).toBeUndefined();
        expect(await volumes.reserve('pvc-1')).not.toBe(id);
      });

      test('does not release the name of the volume that has it now', async () => {
        const first = await put();
        await volumes.forget(first.id, 'pvc-1');
        const second = await volumes.reserve('pvc-1');
        await volumes.forget(first.id, 'pvc-1');
        expect(await volumes.reserve('pvc-1')).toBe(second);
      });

      test('an entry of the directory that leads nowhere is gone on with', async () => {
        const { id } = await create();
        await fixture.removeObject('kube', `csi.volume.${uuidOf(id)}`);
        expect(await volumes.get(id)).toBeUndefined();
        expect(await volumes.list()).toEqual([]);
        const again = await put();
        expect(again.id).toBe(id);
        expect(await volumes.get(id)).toEqual(again);
      });
    });
  });
}
