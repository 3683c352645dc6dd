/** What the conformance suite of the RBD records needs of a cluster, real or in memory. Two pools: `kube` and `other`. */
import { randomUUID } from 'node:crypto';
import type * as z from 'zod';
import { defaultLuks } from '../../../lib/schema/luks-parameters';
import type { Pools } from '../../../runtime/device/rbd/pools';
import { RbdRecords, type RbdRecordsOptions } from '../../../runtime/device/rbd/records';
import type { SnapshotRecord, VolumeRecord } from '../../../runtime/device/record';
import { snapshotRecordSchema, volumeRecordSchema } from '../../../runtime/device/record-schema';

export interface RecordsFixture {
  readonly pools: Pools;
  /** The same pools through another client, as of another process. */
  readonly others: Pools;
  /** Makes an image, or gives the one of that name another size. */
  image(pool: string, name: string, sizeBytes: number): Promise<void>;
  /** When it was made, in whole seconds since 1970. */
  imageMadeAt(pool: string, name: string): Promise<number>;
  removeImage(pool: string, name: string): Promise<void>;
  imageMetadata(pool: string, name: string): Promise<Readonly<Record<string, string>>>;
  setImageMetadata(pool: string, name: string, key: string, value: string): Promise<void>;
  /** What `rados listomapvals` shows; undefined when there is no such object. */
  omap(pool: string, object: string): Promise<Readonly<Record<string, string>> | undefined>;
  setOmap(pool: string, object: string, values: Readonly<Record<string, string>>): Promise<void>;
  removeObject(pool: string, object: string): Promise<void>;
  renamePool(from: string, to: string): Promise<void>;
}

export const clusterId = 'prod-a';
export const MiB = 1024 * 1024;
export const sizeBytes = 64 * MiB;
export const headerBytes = 16 * MiB;

type Options<R> = Partial<RbdRecordsOptions<R>> & { readonly pools: Pools; readonly instanceId: string };

export function volumeStore(options: Options<VolumeRecord>): RbdRecords<VolumeRecord> {
  return store('volume', volumeRecordSchema, options);
}

export function snapshotStore(options: Options<SnapshotRecord>): RbdRecords<SnapshotRecord> {
  return store('snapshot', snapshotRecordSchema, options);
}

function store<R extends VolumeRecord | SnapshotRecord>(
  kind: 'volume' | 'snapshot',
  schema: z.ZodType<R>,
  options: Options<R>,
): RbdRecords<R> {
  return new RbdRecords<R>({ kind, schema, clusterId, pool: 'kube', ...options });
}

export function volumeRecord(id: string, name: string): VolumeRecord {
  return {
    id,
    name,
    createdAt: '2026-01-02T03:04:05.000Z',
    sizeBytes,
    accessType: 'mount',
    fsType: 'ext4',
    complete: false,
    encryption: {
      kmsId: 'tenants',
      owner: 'team-a',
      luksUuid: randomUUID(),
      luks: defaultLuks,
      headerBytes,
      phase: 'prepared',
      fsUuid: randomUUID(),
    },
  };
}

export function uuidOf(id: string): string {
  return id.slice(-36);
}

/** A change of the part of the record that says how the volume is encrypted. */
export function encryption(change: Partial<VolumeRecord['encryption']>) {
  return <R extends VolumeRecord | SnapshotRecord>(record: R): R => ({
    ...record,
    encryption: { ...record.encryption, ...change },
  });
}
