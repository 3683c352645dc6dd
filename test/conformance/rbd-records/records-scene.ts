/** What each test of the records' conformance suite starts with: directories of its own, as two processes see them. */
import { randomUUID } from 'node:crypto';
import type { RbdRecords } from '../../../runtime/device/rbd/records';
import type { SnapshotRecord, VolumeRecord } from '../../../runtime/device/record';
import {
  encryption,
  headerBytes,
  type RecordsFixture,
  sizeBytes,
  snapshotStore,
  uuidOf,
  volumeRecord,
  volumeStore,
} from './records-fixture';

export interface RecordsScene {
  readonly instanceId: string;
  readonly volumes: RbdRecords<VolumeRecord>;
  readonly volumesElsewhere: RbdRecords<VolumeRecord>;
  readonly snapshots: RbdRecords<SnapshotRecord>;
  /** The journal entry of a volume. */
  entryOf(id: string): ReturnType<RecordsFixture['omap']>;
  /** The metadata of its image. */
  metadataOf(id: string): ReturnType<RecordsFixture['imageMetadata']>;
  /** An unfinished volume. */
  put(name?: string): Promise<VolumeRecord>;
  /** As CreateVolume does: record, key, image, complete. */
  create(name?: string, dek?: string, store?: RbdRecords<VolumeRecord>): Promise<VolumeRecord>;
}

export function recordsScene(fixture: RecordsFixture): RecordsScene {
  const instanceId = randomUUID();
  const volumes = volumeStore({ pools: fixture.pools, instanceId });
  const put = async (name = 'pvc-1', store = volumes) => {
    const record = volumeRecord(await store.reserve(name), name);
    await store.put(record);
    return record;
  };
  return {
    instanceId,
    volumes,
    volumesElsewhere: volumeStore({ pools: fixture.others, instanceId }),
    snapshots: snapshotStore({ pools: fixture.pools, instanceId }),
    entryOf: (id) => fixture.omap('kube', `csi.volume.${uuidOf(id)}`),
    metadataOf: (id) => fixture.imageMetadata('kube', imageOf(id)),
    put,
    async create(name, dek, store = volumes) {
      const record = await put(name, store);
      if (dek !== undefined) await store.update(record.id, wrapped(dek));
      await fixture.image('kube', imageOf(record.id), sizeBytes + headerBytes);
      await store.update(record.id, complete);
      return complete(record);
    },
  };
}

export function imageOf(id: string): string {
  return `csi-vol-${uuidOf(id)}`;
}

/** A change of the wrapped key. */
export function wrapped(text: string) {
  return encryption({ wrappedDek: text });
}

export function complete<R extends VolumeRecord | SnapshotRecord>(record: R): R {
  return { ...record, complete: true };
}
