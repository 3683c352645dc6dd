/**
 * Lets an open mapping wait while its data is re-encrypted below it. The mapping gets a lower one, which it shows as it is:
 *
 *     filesystem ─▶ NAME (linear) ─▶ rekey0.NAME or rekey1.NAME (crypt, one part a volume key) ─▶ device
 *
 * While NAME is suspended it holds all reads and writes back before they are encrypted. The lower mapping is emptied, so
 * that nothing but cryptsetup has the device; afterwards cryptsetup opens the other lower name by the new header, and NAME
 * goes on over that one. `cryptsetup reencrypt` of an open mapping does without the pause, but when it is killed it leaves
 * a part of the volume in which every read and write hangs, and which nothing can finish while the volume is in use.
 *
 * A lower mapping that was emptied answers every access with an error: going on over it by mistake damages nothing.
 */
import type { Run } from '../process/run';
import type { Secret } from '../secret';
import type { Cryptsetup } from './cryptsetup';
import { findMapping, lowerNames, type Mapping } from './mapping';

export interface LayerDeps {
  readonly run: Run;
  readonly cryptsetup: Cryptsetup;
}

/** From here on all access waits. Filesystem metadata need not be at rest: what waits is carried out later. */
export async function holdBack({ run }: LayerDeps, { name }: Mapping): Promise<void> {
  await run('dmsetup', ['suspend', '--nolockfs', name]);
}

/** Puts a lower mapping under a mapping that has none and is held back. */
export async function addLower(deps: LayerDeps, mapping: Mapping): Promise<void> {
  const [lower] = lowerNames(mapping.name);
  await deps.run('dmsetup', ['create', lower], { stdin: [await tableOf(deps, mapping.name)] });
  await showLower(deps, mapping, lower);
}

/** Lets go of the device: the lower mapping that is shown, if there is one, answers errors from now on. */
export async function emptyLower({ run }: LayerDeps, { lower }: Mapping): Promise<void> {
  if (lower !== undefined) await run('dmsetup', ['wipe_table', '--nolockfs', lower]);
}

/** Opens the other lower mapping by the header as it is now, and shows it from the next {@link goOn}. */
export async function openLower(deps: LayerDeps, mapping: Mapping, device: string, dek: Secret): Promise<void> {
  const lower = otherLower(mapping);
  await deps.cryptsetup.open({ device, name: lower, dek });
  await showLower(deps, mapping, lower);
}

/** Everything that waited is carried out, over what was prepared. */
export async function goOn({ run }: Pick<LayerDeps, 'run'>, name: string): Promise<void> {
  await run('dmsetup', ['resume', name]);
}

/** Takes the lower mapping away again, when all data is under one key. The mapping must be held back. */
export async function dropLayer(deps: LayerDeps, mapping: Mapping): Promise<void> {
  if (mapping.lower === undefined) return;
  await deps.run('dmsetup', ['load', mapping.name], { stdin: [await tableOf(deps, mapping.lower)] });
}

/** Removes lower mappings that are not shown: of earlier pieces, and what a kill left. @returns the mapping as it is then. */
export async function removeUnusedLower({ run }: LayerDeps, name: string): Promise<Mapping | undefined> {
  if (!(await findMapping(name))) return undefined;
  // One that was prepared and never shown keeps them in use, and looks as if it were.
  await run('dmsetup', ['clear', name]);
  const mapping = await findMapping(name);
  for (const lower of lowerNames(name)) {
    if (lower !== mapping?.lower && (await findMapping(lower))) await run('dmsetup', ['remove', lower]);
  }
  return mapping;
}

/** Closes a mapping that has a lower one, with that one; also what a kill in here left. Nothing where there is none. */
export async function closeLayered(run: Run, name: string): Promise<void> {
  if ((await findMapping(name))?.lower !== undefined) await run('dmsetup', ['remove', name]);
  for (const lower of lowerNames(name)) if (await findMapping(lower)) await run('dmsetup', ['remove', lower]);
}

async function showLower({ run }: LayerDeps, mapping: Mapping, lower: string): Promise<void> {
  const below = await findMapping(lower);
  const target = `0 ${mapping.sizeBytes / 512} linear ${below?.deviceNumber ?? lower} 0\n`;
  await run('dmsetup', ['load', mapping.name], { stdin: [Buffer.from(target)] });
}

function otherLower({ name, lower }: Mapping): string {
  const [first, second] = lowerNames(name);
  return lower === first ? second : first;
}

/** With its volume keys: the kernel gives them only so. They go back to the kernel and nowhere else. */
async function tableOf({ run }: LayerDeps, name: string): Promise<Buffer> {
  const { stdout } = await run('dmsetup', ['table', '--showkeys', name]);
  return Buffer.from(stdout);
}
