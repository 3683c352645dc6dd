/**
 * A copy of an image in use must be of one instant. Suspending the mapping flushes the filesystem and holds back writes for
 * the length of the copy. A process that dies in between leaves the mapping suspended; {@link resumeAll} at start-up and
 * every stage undo that.
 */
import type { ImageRef } from '../device/back-end';
import { findMapping, listMappings, mappingName, resumeMapping, suspendMapping } from '../luks/mapping';
import type { SharedDeps, VolumeDeps } from './context';

export async function quiesced<T>(deps: VolumeDeps, image: ImageRef, action: () => Promise<T>): Promise<T> {
  const name = mappingName(image.id);
  if (image.kind === 'snapshot' || !(await findMapping(name))) return action();
  await suspendMapping(deps.run, name);
  try {
    return await action();
  } finally {
    await resumeMapping(deps.run, name);
  }
}

/** Lets every mapping of ours go on that a killed process left suspended. */
export async function resumeAll(deps: SharedDeps): Promise<void> {
  for (const mapping of await listMappings()) {
    // One that waits for its re-encryption goes on when that does, with the key (volume/reencrypt.ts).
    if (!mapping.suspended || mapping.lower !== undefined) continue;
    await resumeMapping(deps.run, mapping.name);
    deps.log.warn('resumed a mapping that a killed process had left suspended', { path: mapping.device });
  }
}
