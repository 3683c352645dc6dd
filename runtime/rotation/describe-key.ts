/** A record as the admin service shows it: whose key, where, and how old. No secret, and nothing of the wrapped key. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { SnapshotRecord, VolumeRecord } from '../device/record';
import type { KeySchema } from '../grpc/gen/admin_pb';

/** @param staged ids of the volumes that are staged on this node. */
export function describeKey(
  record: VolumeRecord | SnapshotRecord,
  staged: ReadonlySet<string>,
): MessageInitShape<typeof KeySchema> {
  const { id, createdAt, encryption } = record;
  const isSnapshot = 'sourceVolumeId' in record;
  const { phase, inheritedUuid } = encryption;
  return {
    isSnapshot,
    id,
    kmsId: encryption.kmsId,
    tenant: encryption.owner,
    createdAt,
    rewrappedAt: encryption.rewrappedAt ?? '',
    rotatedAt: encryption.rotatedAt ?? '',
    reencryptedAt: encryption.reencryptedAt ?? '',
    sourceId: isSnapshot ? record.sourceVolumeId : ((record as VolumeRecord).source?.id ?? ''),
    hasKeyOfSource: inheritedUuid !== undefined,
    isUnused: phase === 'prepared' || phase === 'formatting',
    isStaged: staged.has(id),
    className: record.className ?? '',
  };
}
