/** Pages over volumes and snapshots. The token is the id after which the next page begins, so a page survives changes in between. */
import type { RecordStore } from '../device/back-end';
import type { SnapshotRecord, VolumeRecord } from '../device/record';
import { CodedError } from '../errors';
import type { VolumeDeps } from './context';

export interface PageRequest {
  /** '' for the first page. */
  readonly startingToken: string;
  /** 0 for all. */
  readonly maxEntries: number;
}

export interface SnapshotFilter extends PageRequest {
  /** '' for any. */
  readonly snapshotId: string;
  readonly sourceVolumeId: string;
}

export interface Page<R> {
  readonly records: readonly R[];
  /** '' when this is the last page. */
  readonly nextToken: string;
}

/** @throws CodedError PAGE_TOKEN_INVALID. */
export function listVolumes(deps: readonly VolumeDeps[], request: PageRequest): Promise<Page<VolumeRecord>> {
  return page(
    deps.map(({ backEnd }) => backEnd.volumes),
    request,
    () => true,
  );
}

/** An unknown snapshot or source gives an empty page. @throws CodedError PAGE_TOKEN_INVALID. */
export async function listSnapshots(
  deps: readonly VolumeDeps[],
  filter: SnapshotFilter,
): Promise<Page<SnapshotRecord>> {
  if (filter.snapshotId !== '') {
    const found = await Promise.all(deps.map(({ backEnd }) => backEnd.snapshots.get(filter.snapshotId)));
    const record = found.find((each) => each !== undefined);
    return { records: record?.complete ? [record] : [], nextToken: '' };
  }
  return page(
    deps.map(({ backEnd }) => backEnd.snapshots),
    filter,
    (each) => filter.sourceVolumeId === '' || each.sourceVolumeId === filter.sourceVolumeId,
  );
}

async function page<R extends VolumeRecord | SnapshotRecord>(
  stores: readonly RecordStore<R>[],
  { startingToken, maxEntries }: PageRequest,
  wanted: (record: R) => boolean,
): Promise<Page<R>> {
  const lists = await Promise.all(stores.map(async (store) => (await store.list()).map((id) => ({ id, store }))));
  const entries = lists.flat().sort((one, other) => (one.id < other.id ? -1 : 1));
  const prefix = 'after:';
  if (startingToken !== '' && !startingToken.startsWith(prefix)) {
    throw new CodedError('PAGE_TOKEN_INVALID', 'the starting token is not one that this driver gave', {
      remedy: 'List again from the start.',
    });
  }
  const after = startingToken.slice(prefix.length);
  const records: R[] = [];
  for (const { id, store } of entries.filter((each) => startingToken === '' || each.id > after)) {
    const record = await store.get(id);
    if (!record?.complete || !wanted(record)) continue;
    if (maxEntries > 0 && records.length === maxEntries)
      return { records, nextToken: `${prefix}${records.at(-1)?.id}` };
    records.push(record);
  }
  return { records, nextToken: '' };
}
