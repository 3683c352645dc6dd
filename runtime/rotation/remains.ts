/** What still opens, or decrypts, with a key of a KMS that is no longer trusted, after all volumes were rotated that could be. */
import type { Key } from '../grpc/gen/admin_pb';

export interface Remains {
  readonly id: string;
  readonly is: 'volume' | 'snapshot';
  readonly reason: string;
}

/** @param startedAt when the run began; what was made or renewed later has nothing of before. */
export function remainsOf(keys: readonly Key[], kmsId: string, startedAt: string): readonly Remains[] {
  const before = (at: string) => at === '' || Date.parse(at) < Date.parse(startedAt);
  const byId = new Map(keys.map((key) => [key.id, key]));
  const reasons = (key: Key): string[] => {
    const source = byId.get(key.sourceId);
    const isOfKms = key.kmsId === kmsId;
    // A copy with a key of its own elsewhere has the volume key of its source still.
    const isCopyOfKms = key.sourceId !== '' && source?.kmsId === kmsId;
    return [
      ...(isOfKms && key.isSnapshot && before(key.createdAt) ? ['a snapshot keeps its passphrase: delete it'] : []),
      ...(isOfKms && !key.isSnapshot && before(key.rotatedAt) && before(key.createdAt)
        ? ['its passphrase was not rotated']
        : []),
      ...(key.hasKeyOfSource ? ['a copy that opens with the passphrase of its source until it is first staged'] : []),
      ...((isOfKms || isCopyOfKms) && !key.isSnapshot && !key.isUnused && before(key.reencryptedAt)
        ? ['its data has the old volume key, which an old copy of the header and an old passphrase give']
        : []),
    ];
  };
  return keys.flatMap((key) =>
    reasons(key).map((reason) => ({
      id: key.id,
      is: key.isSnapshot ? ('snapshot' as const) : ('volume' as const),
      reason,
    })),
  );
}
