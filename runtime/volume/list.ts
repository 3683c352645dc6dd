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
export function listVolumes(deps: VolumeDeps, request: PageRequest): Promise<Page<VolumeRecord>> {
  return page(deps.backEnd.volumes, request, () => true);
}

/** An unknown snapshot or source gives an empty page. @throws CodedError PAGE_TOKEN_INVALID. */
export async function listSnapshots(deps: VolumeDeps, filter: SnapshotFilter): Promise<Page<SnapshotRecord>> {
  if (filter.snapshotId !== '') {
    const record = await deps.backEnd.snapshots.get(filter.snapshotId);
    return { records: record?.complete ? [record] : [], nextToken: '' };
  }
  return page(
    deps.backEnd.snapshots,
    filter,
    (each) => filter.sourceVolumeId === '' || each.sourceVolumeId === filter.sourceVolumeId,
  );
}

async function page<R extends VolumeRecord | SnapshotRecord>(
  store: RecordStore<R>,
  { startingToken, maxEntries }: PageRequest,
  wanted: (record: R) => boolean,
): Promise<Page<R>> {
  const ids = [...(await store.list())].sort();
  const prefix = 'after:';
  if (startingToken !== '' && !startingToken.startsWith(prefix)) {
    throw new CodedError('PAGE_TOKEN_INVALID', 'the starting token is not one that this driver gave', {
      remedy: 'List again from the start.',
    });
  }
  const after = startingToken.slice(prefix.length);
  const records: R[] = [];
  for (const id of ids.filter((each) => startingToken === '' || each > after)) {
    const record = await store.get(id);
    if (!record?.complete || !wanted(record)) continue;
    if (maxEntries > 0 && records.length === maxEntries)
      return { records, nextToken: `${prefix}${records.at(-1)?.id}` };
    records.push(record);
  }
  return { records, nextToken: '' };
}
