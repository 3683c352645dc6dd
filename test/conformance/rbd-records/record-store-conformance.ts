/** Records on RBD as a store: many who write at the same time, finding, forgetting; run in memory and on a real Ceph. */
import { randomUUID } from 'node:crypto';
import { decodeId } from '../../../runtime/device/rbd/ids';
import { locateImage } from '../../../runtime/device/rbd/locate';
import type { VolumeRecord } from '../../../runtime/device/record';
import {
  clusterId,
  encryption,
  headerBytes,
  type RecordsFixture,
  sizeBytes,
  uuidOf,
  volumeRecord,
  volumeStore,
} from './records-fixture';
import { complete, imageOf, type RecordsScene, recordsScene, wrapped } from './records-scene';

export function describeRecordStore(where: string, start: () => Promise<RecordsFixture>): void {
  describe(`the store of records of RBD: ${where}`, () => {
    let fixture: RecordsFixture;
    let instanceId: string;
    let volumes: RecordsScene['volumes'];
    let volumesElsewhere: RecordsScene['volumesElsewhere'];
    let snapshots: RecordsScene['snapshots'];
    let entryOf: RecordsScene['entryOf'];
    let metadataOf: RecordsScene['metadataOf'];
    let put: RecordsScene['put'];
    let create: RecordsScene['create'];
    beforeAll(async () => {
      fixture = await start();
    }, 240_000);
    beforeEach(() => {
      ({ instanceId, volumes, volumesElsewhere, snapshots, entryOf, metadataOf, put, create } = recordsScene(fixture));
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

      test.each(['unfinished', 'finished'] as const)(
        'R2: of many that replace the wrapped key of an %s volume, one does',
        async (state) => {
          const { id } = await (state === 'finished' ? create() : put());
          await volumes.update(id, wrapped('wrapped-1'));
          const replace = (text: string) => (it: VolumeRecord) => {
            if (it.encryption.wrappedDek !== 'wrapped-1') throw new Error('it is another key by now');
            return wrapped(text)(it);
          };
          const texts = Array.from({ length: 12 }, (_, index) => `mine-${index}`);
          const updates = texts.map((text, index) =>
            (index % 2 ? volumes : volumesElsewhere).update(id, replace(text)),
          );
          const ended = await Promise.allSettled(updates);
          const won = texts.filter((_, index) => ended[index]?.status === 'fulfilled');
          expect(won).toHaveLength(1);
          expect((await volumesElsewhere.get(id))?.encryption.wrappedDek).toBe(won[0]);
        },
      );

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
