/** How old the keys of the volumes on this node are, and the proofs that they open: the oldest of each KMS and class, for alerts. */
import type { SharedDeps } from '../volume/context';

export interface KeyAges {
  readonly kmsId: string;
  /** '' where the record of the volume names no class. */
  readonly className: string;
  /** Since the passphrase of the volume was rotated, or since the volume was made. */
  readonly rotatedSeconds: number;
  /** Since the key was proven; since the volume was made when it never was. */
  readonly verifiedSeconds: number;
}

/** Of what is staged here, from what the node knows of it: no KMS and no cluster is asked. */
export async function keyAges({
  stages,
  verifications,
  now,
}: Pick<SharedDeps, 'stages' | 'verifications' | 'now'>): Promise<readonly KeyAges[]> {
  const ages = new Map<string, KeyAges>();
  const since = (at: string) => Math.max(0, (now().getTime() - Date.parse(at)) / 1000);
  for (const id of await stages.list()) {
    const volume = (await stages.get(id))?.volume;
    if (!volume) continue;
    const { kmsId, rotatedAt = volume.createdAt } = volume.encryption;
    const { className = '' } = volume;
    const group = `${kmsId} ${className}`;
    const last = await verifications.last(id);
    const present = ages.get(group);
    ages.set(group, {
      kmsId,
      className,
      rotatedSeconds: Math.max(since(rotatedAt), present?.rotatedSeconds ?? 0),
      verifiedSeconds: Math.max(
        since(last?.outcome === 'OK' ? last.at : volume.createdAt),
        present?.verifiedSeconds ?? 0,
      ),
    });
  }
  return [...ages.values()];
}
