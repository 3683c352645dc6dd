/**
 * One piece of a re-encryption below an open mapping: all access waits while the piece is converted, then goes on for as
 * long as it had to wait. Each step looks first, so that a piece that was killed is taken up from wherever it stood; until
 * then access to the volume waits, and nothing else may let it go on (luks/mapping.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../errors';
import { addLower, dropLayer, emptyLower, goOn, holdBack, openLower, removeUnusedLower } from '../luks/layer';
import { type Mapping, mappingName } from '../luks/mapping';
import { convertPiece, type ReencryptTarget } from '../luks/reencrypt';
import type { VolumeDeps } from './context';
import { runSteps, type Step, step } from './steps';

const longestPauseMs = 5_000;

/** @param seconds How long reads and writes wait, besides what opening anew takes. @throws CodedError VOLUME_NOT_STAGED, TOOL_FAILED; access goes on where that is possible. */
export async function convertInUse(
  deps: VolumeDeps,
  volumeId: string,
  target: ReencryptTarget,
  seconds: number,
): Promise<void> {
  const name = mappingName(volumeId);
  // A call that is cancelled must not end between holding back and going on.
  const { signal: _notHere, ...lasting } = target;
  const startedAt = performance.now();
  const showNew = async () => {
    const mapping = await requireMapping(deps, name);
    await emptyLower(deps, mapping);
    await openLower(deps, mapping, lasting.path, lasting.dek);
  };
  const hold = step('hold', async () => holdBack(deps, await requireMapping(deps, name)));
  const release = step('release', () => goOn(deps, name));
  try {
    if ((await requireMapping(deps, name)).lower === undefined) {
      const layer = step('layer', async () => addLower(deps, await requireMapping(deps, name)));
      await runPiece(deps, volumeId, [hold, layer, release]);
    }
    await runPiece(deps, volumeId, [
      hold,
      step('empty', async () => emptyLower(deps, await requireMapping(deps, name))),
      step('convert', () => convertPiece(lasting, seconds)),
      step('show', showNew),
      release,
      step('clean', async () => void (await removeUnusedLower(deps, name))),
    ]);
  } catch (error) {
    await letGoOn(deps, volumeId, showNew);
    throw error;
  }
  await sleep(Math.min(longestPauseMs, performance.now() - startedAt), undefined, signalOf(target)).catch(
    () => undefined,
  );
}

/** After a piece that failed. What cannot go on now waits for the next call: the first error is the one to be told. */
async function letGoOn(deps: VolumeDeps, volumeId: string, showNew: () => Promise<void>): Promise<void> {
  try {
    const mapping = await requireMapping(deps, mappingName(volumeId));
    // Below what nobody waits for nothing may be taken away.
    if (!mapping.suspended) return;
    if (mapping.lower !== undefined) await showNew();
    await goOn(deps, mapping.name);
  } catch (error) {
    deps.log.error('access to a volume waits: its re-encryption failed', { volumeId, error });
  }
}

/** Lets the mapping stand by itself again when all data is under one key. Nothing for a volume that is not open. */
export async function endInUse(deps: VolumeDeps, volumeId: string): Promise<void> {
  const name = mappingName(volumeId);
  if ((await removeUnusedLower(deps, name))?.lower === undefined) return;
  await runPiece(deps, volumeId, [
    step('hold', async () => holdBack(deps, await requireMapping(deps, name))),
    step('settle', async () => dropLayer(deps, await requireMapping(deps, name))),
    step('release', () => goOn(deps, name)),
    step('clean', async () => void (await removeUnusedLower(deps, name))),
  ]);
}

/** The mapping, with nothing prepared and nothing left over. */
async function requireMapping(deps: VolumeDeps, name: string): Promise<Mapping> {
  const mapping = await removeUnusedLower(deps, name);
  if (mapping) return mapping;
  throw new CodedError('VOLUME_NOT_STAGED', `${name} is not open any more`, { remedy: 'Repeat the call.' });
}

async function runPiece(deps: VolumeDeps, volumeId: string, steps: readonly Step[]): Promise<void> {
  await runSteps(steps, { operation: 'reencrypt-piece', volumeId, log: deps.log });
}

function signalOf({ signal }: ReencryptTarget) {
  return signal ? { signal } : {};
}
