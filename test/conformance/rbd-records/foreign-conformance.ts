/** Volumes and snapshots as ceph-csi leaves them, read and gone on with; run in memory and on a real Ceph. */
import { randomUUID } from 'node:crypto';
import { defaultLuks } from '../../../lib/schema/luks-parameters';
import { encodeId, encodePoolId } from '../../../runtime/device/rbd/ids';
import type { RbdRecords } from '../../../runtime/device/rbd/records';
import type { VolumeRecord } from '../../../runtime/device/record';
import { clusterId, encryption, MiB, type RecordsFixture, snapshotStore, volumeStore } from './records-fixture';

const imageBytes = 64 * MiB;
const zeroUuid = '00000000-0000-0000-0000-000000000000';

interface Laid {
  /** `undefined` leaves a key out. */
  readonly entry?: Readonly<Record<string, string | undefined>>;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly withoutImage?: true;
  /** Where the directory is, if elsewhere. */
  readonly journalPool?: string;
}

export function describeForeignRecords(where: string, start: () => Promise<RecordsFixture>): void {
  describe(`records of ceph-csi: ${where}`, () => {
    let fixture: RecordsFixture;
    let instanceId: string;
    let volumes: RbdRecords<VolumeRecord>;
    let poolId: number;
    beforeAll(async () => {
      fixture = await start();
      poolId = (await fixture.pools.byName('kube'))?.id ?? 0;
    }, 240_000);
    beforeEach(() => {
      instanceId = randomUUID();
      volumes = volumeStore({ pools: fixture.pools, instanceId });
    });

    /** What CreateVolume of ceph-csi leaves behind. */
    const lay = async ({ entry = {}, metadata = {}, withoutImage, journalPool = 'kube' }: Laid = {}) => {
      const uuid = randomUUID();
      const keys = {
        'csi.volname': 'pvc-1',
        'csi.imagename': `csi-vol-${uuid}`,
        'csi.imageid': '1234abcd',
        'csi.volume.encryptKMS': 'vault',
        'csi.volume.encryptionType': 'block',
        'csi.volume.owner': 'team-a',
        ...entry,
      };
      const place = journalPool === 'kube' ? uuid : `${encodePoolId(poolId)}/${uuid}`;
      await fixture.setOmap(journalPool, `csi.volumes.${instanceId}`, { 'csi.volume.pvc-1': place });
      const present = Object.entries(keys).filter((each): each is [string, string] => each[1] !== undefined);
      await fixture.setOmap('kube', `csi.volume.${uuid}`, Object.fromEntries(present));
      const image = entry['csi.imagename'] ?? `csi-vol-${uuid}`;
      if (!withoutImage) await fixture.image('kube', image, imageBytes);
      for (const [key, value] of Object.entries(metadata)) await fixture.setImageMetadata('kube', image, key, value);
      return { id: encodeId({ clusterId, poolId, uuid }), uuid, image };
    };
    const state = (text: string) => ({ 'rbd.csi.ceph.com/encrypted': text });
    const expected = (id: string): VolumeRecord => ({
      id,
      name: 'pvc-1',
      createdAt: expect.any(String),
      sizeBytes: imageBytes,
      complete: true,
      encryption: {
        kmsId: 'vault',
        owner: 'team-a',
        luksUuid: zeroUuid,
        luks: expect.objectContaining({ cipher: 'aes-xts-plain64' }),
        headerBytes: 16 * MiB,
        phase: 'formatted',
        fsUuid: zeroUuid,
        foreign: true,
        headerInside: true,
      },
    });

    test('R19: a volume that holds data is never one to format', async () => {
      const { id } = await lay({ metadata: state('encrypted') });
      expect(await volumes.get(id)).toEqual(expected(id));
      expect(await volumes.list()).toEqual([id]);
    });

    test('it is as old as its image, since ceph-csi notes no time', async () => {
      const { id, image } = await lay({ metadata: state('encrypted') });
      const seconds = Date.parse((await volumes.get(id))?.createdAt ?? '') / 1000;
      expect(Math.floor(seconds)).toBe(await fixture.imageMadeAt('kube', image));
    });

    test('R19: one that was never used may be formatted', async () => {
      const { id } = await lay({ metadata: state(' encryptionPrepared\n') });
      const record = expected(id);
      expect(await volumes.get(id)).toEqual({ ...record, encryption: { ...record.encryption, phase: 'prepared' } });
    });

    test.each([
      ['none', {}],
      ['one that nobody knows', state('half')],
    ])('a state of %s: its CreateVolume was killed, and goes on under the same id', async (_, metadata) => {
      const { id, image } = await lay({ metadata });
      expect(await volumes.get(id)).toMatchObject({ complete: false, encryption: { phase: 'prepared' } });
      expect(await volumes.reserve('pvc-1')).toBe(id);
      await volumes.update(id, encryption({ wrappedDek: 'wrapped' }));
      await volumes.update(id, (it) => ({ ...it, complete: true }));
      expect(await fixture.imageMetadata('kube', image)).toMatchObject({
        'rbd.csi.ceph.com/encrypted': 'encryptionPrepared',
        'rbd.csi.ceph.com/dek': 'wrapped',
        'rbd.csi.ceph.com/luks2HeaderSize': String(16 * MiB),
      });
      expect(await volumes.get(id)).toMatchObject({ complete: true, encryption: { foreign: true } });
    });

    test('the wrapped key and the size of the header are at the image', async () => {
      const metadata = {
        ...state('encrypted'),
        'rbd.csi.ceph.com/dek': '{"dek":"…"}',
        'rbd.csi.ceph.com/luks2HeaderSize': String(32 * MiB),
      };
      const { id } = await lay({ metadata });
      const { encryption } = expected(id);
      expect((await volumes.get(id))?.encryption).toEqual({
        ...encryption,
        wrappedDek: '{"dek":"…"}',
        headerBytes: 32 * MiB,
      });
    });

    test('keys of old releases are read, and moved when they change', async () => {
      const { id, image } = await lay({
        metadata: { '.rbd.csi.ceph.com/encrypted': 'encrypted', '.rbd.csi.ceph.com/dek': 'wrapped-1' },
      });
      expect((await volumes.get(id))?.encryption).toMatchObject({ phase: 'formatted', wrappedDek: 'wrapped-1' });
      await volumes.update(id, encryption({ wrappedDek: 'wrapped-2' }));
      const metadata = await fixture.imageMetadata('kube', image);
      expect(metadata['rbd.csi.ceph.com/dek']).toBe('wrapped-2');
      expect(Object.keys(metadata)).not.toContain('.rbd.csi.ceph.com/dek');
      expect((await volumes.get(id))?.encryption.wrappedDek).toBe('wrapped-2');
    });

    test('an entry of before encryption types is of a block device; one of before image names has the usual one', async () => {
      const uuid = randomUUID();
      await fixture.setOmap('kube', `csi.volume.${uuid}`, { 'csi.volname': 'pvc-1', 'csi.volume.encryptKMS': 'vault' });
      await fixture.image('kube', `csi-vol-${uuid}`, imageBytes);
      await fixture.setImageMetadata('kube', `csi-vol-${uuid}`, 'rbd.csi.ceph.com/encrypted', 'encrypted');
      const id = encodeId({ clusterId, poolId, uuid });
      const record = expected(id);
      expect(await volumes.get(id)).toEqual({ ...record, encryption: { ...record.encryption, owner: '' } });
    });

    test.each([
      ['is not encrypted', { 'csi.volume.encryptKMS': undefined, 'csi.volume.encryptionType': undefined }],
      ['has encrypted files', { 'csi.volume.encryptionType': 'file' }],
      ['has an encryption of tomorrow', { 'csi.volume.encryptionType': 'quantum' }],
    ])('refuses a volume that %s, and lists the others', async (_, entry) => {
      const { id } = await lay({ entry });
      await expect(volumes.get(id)).toRejectWithCode('REQUEST_INVALID');
      await expect(volumes.update(id, (it) => it)).toRejectWithCode('REQUEST_INVALID');
      expect(await volumes.list()).toEqual([]);
    });

    test('a name that was reserved for an image that was never made is free to go on with', async () => {
      const { id, uuid, image } = await lay({ withoutImage: true, entry: { 'csi.imagename': `gold-${randomUUID()}` } });
      expect(await volumes.get(id)).toBeUndefined();
      const { foreign: _1, headerInside: _2, luks: _3, ...rest } = expected(id).encryption;
      await volumes.put({
        ...expected(id),
        createdAt: '2026-01-02T03:04:05.000Z',
        complete: false,
        encryption: { ...rest, luks: defaultLuks, kmsId: 'tenants' },
      });
      expect(await fixture.omap('kube', `csi.volume.${uuid}`)).toMatchObject({
        'csi.imagename': image,
        'csi.volume.encryptKMS': 'tenants',
      });
    });

    test('with pools by topology the directory is in another pool', async () => {
      const { id, uuid } = await lay({
        journalPool: 'other',
        entry: { 'csi.journalpool': encodePoolId((await fixture.pools.byName('other'))?.id ?? 0) },
        metadata: state('encrypted'),
      });
      const inOther = volumeStore({ pools: fixture.pools, instanceId, pool: 'other' });
      expect(await inOther.reserve('pvc-1')).toBe(id);
      expect(await volumes.list()).toEqual([id]);
      expect(await volumes.get(id)).toEqual(expected(id));
      await volumes.update(id, encryption({ phase: 'ready' }));
      await volumes.forget(id, 'pvc-1');
      expect(await fixture.omap('other', `csi.volumes.${instanceId}`)).toEqual({});
      expect(await fixture.omap('kube', `csi.volume.${uuid}`)).toBeUndefined();
    });

    test('what is learned of a volume becomes its record; what ceph-csi wrote stays', async () => {
      const { id, uuid, image } = await lay({ metadata: { ...state('encrypted'), 'rbd.csi.ceph.com/dek': 'wrapped' } });
      const before = await fixture.omap('kube', `csi.volume.${uuid}`);
      const learned = await volumes.update(id, (it) => {
        const { foreign: _learned, ...rest } = it.encryption;
        return { ...it, encryption: { ...rest, luksUuid: uuid, phase: 'ready' } };
      });
      expect(await volumes.get(id)).toEqual(learned);
      expect(learned.encryption).toMatchObject({ luksUuid: uuid, phase: 'ready', wrappedDek: 'wrapped' });
      expect(await fixture.omap('kube', `csi.volume.${uuid}`)).toEqual({
        ...before,
        'csi.imageid': expect.any(String),
        'keyward.record': expect.not.stringContaining('wrapped'),
      });
      expect(await fixture.imageMetadata('kube', image)).toEqual({
        ...state('encrypted'),
        'rbd.csi.ceph.com/dek': 'wrapped',
      });
    });

    test('a new key alone makes no record of ours', async () => {
      const { id, uuid } = await lay({ metadata: { ...state('encrypted'), 'rbd.csi.ceph.com/dek': 'wrapped-1' } });
      await volumes.update(id, encryption({ wrappedDek: 'wrapped-2' }));
      expect(Object.keys((await fixture.omap('kube', `csi.volume.${uuid}`)) ?? {})).not.toContain('keyward.record');
      expect((await volumes.get(id))?.encryption.wrappedDek).toBe('wrapped-2');
    });

    test('a snapshot names its volume', async () => {
      const [uuid, source] = [randomUUID(), randomUUID()];
      const snapshots = snapshotStore({ pools: fixture.pools, instanceId });
      await fixture.setOmap('kube', `csi.snaps.${instanceId}`, { 'csi.snap.snapshot-1': uuid });
      await fixture.setOmap('kube', `csi.snap.${uuid}`, {
        'csi.snapname': 'snapshot-1',
        'csi.imagename': `csi-snap-${uuid}`,
        'csi.source': `csi-vol-${source}`,
        'csi.volume.encryptKMS': 'vault',
        'csi.volume.encryptionType': 'block',
        'csi.volume.owner': 'team-a',
      });
      await fixture.image('kube', `csi-snap-${uuid}`, imageBytes);
      await fixture.setImageMetadata('kube', `csi-snap-${uuid}`, 'rbd.csi.ceph.com/encrypted', 'encrypted');
      const id = encodeId({ clusterId, poolId, uuid });
      const sourceVolumeId = encodeId({ clusterId, poolId, uuid: source });
      expect(await snapshots.get(id)).toEqual({ ...expected(id), name: 'snapshot-1', sourceVolumeId });
      expect(await snapshots.reserve('snapshot-1')).toBe(id);
      expect(await snapshots.list()).toEqual([id]);
    });
  });
}
