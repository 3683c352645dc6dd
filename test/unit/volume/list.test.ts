import type { SnapshotRecord, VolumeRecord } from '../../../runtime/device/record';
import type { VolumeDeps } from '../../../runtime/volume/context';
import { listSnapshots, listVolumes } from '../../../runtime/volume/list';

type Some = Partial<VolumeRecord & SnapshotRecord> & { readonly id: string };

/** Records in memory; they may change between two pages. */
function depsOf(records: Map<string, Some>): readonly VolumeDeps[] {
  const store = { list: async () => [...records.keys()], get: async (id: string) => records.get(id) };
  return [{ backEnd: { volumes: store, snapshots: store } } as unknown as VolumeDeps];
}
const volumes = (...ids: string[]) => new Map<string, Some>(ids.map((id) => [id, { id, complete: true }]));
const ids = ({ records }: { readonly records: readonly { readonly id: string }[] }) => records.map(({ id }) => id);

describe('pages of volumes', () => {
  test('0 entries at most means all, and no further page', async () => {
    const page = await listVolumes(depsOf(volumes('b', 'a', 'c')), { startingToken: '', maxEntries: 0 });
    expect(ids(page)).toEqual(['a', 'b', 'c']);
    expect(page.nextToken).toBe('');
  });

  test('follow one another without a gap or a repetition', async () => {
    const deps = depsOf(volumes('d', 'a', 'c', 'b', 'e'));
    const seen: string[] = [];
    let startingToken = '';
    do {
      const page = await listVolumes(deps, { startingToken, maxEntries: 2 });
      expect(page.records.length).toBeLessThanOrEqual(2);
      seen.push(...ids(page));
      startingToken = page.nextToken;
    } while (startingToken !== '');
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('a last page that is exactly full says that it is the last', async () => {
    const page = await listVolumes(depsOf(volumes('a', 'b')), { startingToken: '', maxEntries: 2 });
    expect(page.nextToken).toBe('');
  });

  test('go on where they were when a volume was deleted and another made in between', async () => {
    const records = volumes('a', 'b', 'd');
    const { nextToken } = await listVolumes(depsOf(records), { startingToken: '', maxEntries: 2 });
    records.delete('b');
    records.set('c', { id: 'c', complete: true });
    expect(ids(await listVolumes(depsOf(records), { startingToken: nextToken, maxEntries: 2 }))).toEqual(['c', 'd']);
  });

  test('a volume that is not finished, or is deleted meanwhile, is not listed', async () => {
    const records = volumes('a', 'b');
    records.set('a', { id: 'a', complete: false });
    const deps = depsOf(records);
    const [{ backEnd }] = deps as readonly [VolumeDeps];
    backEnd.volumes.list = async () => ['a', 'b', 'gone'];
    expect(ids(await listVolumes(deps, { startingToken: '', maxEntries: 1 }))).toEqual(['b']);
  });

  test('a token that is not ours is refused', async () => {
    await expect(listVolumes(depsOf(volumes('a')), { startingToken: 'invalid-token', maxEntries: 0 })).toRejectWithCode(
      'PAGE_TOKEN_INVALID',
    );
  });
});

describe('snapshots', () => {
  const records = new Map<string, Some>([
    ['s1', { id: 's1', complete: true, sourceVolumeId: 'v1' }],
    ['s2', { id: 's2', complete: true, sourceVolumeId: 'v2' }],
    ['s3', { id: 's3', complete: true, sourceVolumeId: 'v1' }],
    ['s4', { id: 's4', complete: false, sourceVolumeId: 'v1' }],
  ]);
  const list = (filter: {
    snapshotId?: string;
    sourceVolumeId?: string;
    maxEntries?: number;
    startingToken?: string;
  }) =>
    listSnapshots(depsOf(records), { startingToken: '', maxEntries: 0, snapshotId: '', sourceVolumeId: '', ...filter });

  test('by source, in pages of those that fit', async () => {
    const first = await list({ sourceVolumeId: 'v1', maxEntries: 1 });
    expect(ids(first)).toEqual(['s1']);
    expect(ids(await list({ sourceVolumeId: 'v1', startingToken: first.nextToken }))).toEqual(['s3']);
  });

  test('by id; one that is not there or not finished gives an empty list and no error', async () => {
    expect(ids(await list({ snapshotId: 's2' }))).toEqual(['s2']);
    expect(ids(await list({ snapshotId: 'none' }))).toEqual([]);
    expect(ids(await list({ snapshotId: 's4' }))).toEqual([]);
    expect(ids(await list({ sourceVolumeId: 'none' }))).toEqual([]);
  });
});
