/**
 * After a restart: volumes whose access waits, because this process was killed in a piece of their re-encryption, go on.
 * Without this they would wait for the next call of `keyward rotate`.
 */
import { type CsiDeps, onVolume } from '../csi/volume-calls';
import { mappingOf } from '../volume/open';
import { reencryptVolume } from '../volume/reencrypt';

/** Never throws: what could not go on is logged, and waits for `keyward rotate VOLUME --volume-key`. */
export async function goOnWithReencryptions(
  deps: CsiDeps,
  secrets: () => Promise<Readonly<Record<string, string>>>,
): Promise<void> {
  const { log, stages } = deps.shared;
  const waiting: string[] = [];
  for (const id of await stages.list()) {
    const mapping = await mappingOf(id);
    if (mapping?.suspended && mapping.lower !== undefined) waiting.push(id);
  }
  for (const id of waiting) {
    try {
      await onVolume(deps, { id, secrets: await secrets() }, (volumeDeps, call) =>
        reencryptVolume(volumeDeps, id, call, { budgetMs: 0 }),
      );
      log.warn('access to a volume goes on that waited for its re-encryption', { volumeId: id });
    } catch (error) {
      log.warn('access to a volume waits: its re-encryption could not go on', { volumeId: id, error });
    }
  }
}
