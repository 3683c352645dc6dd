/**
 * The demo itself: all steps, one after the other, against a driver that is started from the synthesised documents. Runs
 * where dm-crypt is: natively as root, or in a guest.
 */
import { release } from 'node:os';
import { run } from '../runtime/process/run';
import type { Secret } from '../runtime/secret';
import { cleanUp } from './cleanup';
import { type StepName, steps } from './protocol';
import { Scene, type SceneOptions } from './scene';
import { programs } from './steps';

export interface DemoOptions extends SceneOptions {
  /** Called after each step that succeeded, and waited for. */
  readonly onStep?: (step: FinishedStep) => Promise<void>;
  /** Ends the demo before the next step. */
  readonly signal?: AbortSignal;
}

/** For callers that look for secrets themselves. */
interface FinishedStep {
  readonly name: StepName;
  /** Main process of the driver, dead or alive. */
  readonly driverPid: number;
  readonly logFile: string;
  /** Every key that was in use so far, without the passphrase. */
  readonly keys: readonly Secret[];
}

/** Never rejects: what went wrong is told as an event. @returns whether all steps succeeded and all proofs hold. */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const scene = new Scene(options);
  let ok = true;
  try {
    scene.emit({ type: 'environment', kernel: `Linux ${release()}`, versions: await versions() });
    for (const { name } of steps) {
      options.signal?.throwIfAborted();
      await runStep(scene, name);
      const { pid, logFile } = scene.pod;
      await options.onStep?.({ name, driverPid: pid, logFile, keys: scene.keys.map(({ dek }) => dek) });
    }
  } catch (error) {
    ok = false;
    scene.emit({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
  for (const problem of await cleanUp(scene)) {
    ok = false;
    scene.emit({ type: 'failed', message: `cleaning up: ${problem}` });
  }
  return ok;
}

async function runStep(scene: Scene, name: StepName): Promise<void> {
  scene.step = name;
  scene.emit({ type: 'started', step: name });
  const startedAt = performance.now();
  const end = (ok: boolean, detail: string) =>
    scene.emit({ type: 'ended', step: name, ok, ms: Math.round(performance.now() - startedAt), detail });
  try {
    end(true, await programs[name](scene));
  } catch (error) {
    end(false, error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/** Of what is beside the driver; its own version is told when it answers. */
async function versions(): Promise<Record<string, string>> {
  const { stdout } = await run('cryptsetup', ['--version']);
  return { 'Node.js': process.versions.node, cryptsetup: /\d[\d.]*/.exec(stdout)?.[0] ?? 'unknown' };
}
