/** One rotation in a process of its own (rotation-worker.ts) that dies, or stands still for a while, where the test wants it to. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RotationKind } from './rotation-worker';
import { ToolShims } from './tool-shims';

/** Where a worker dies: at a point of the operation, or before or after a tool is called with an argument. */
export type Death = { readonly point: string } | { readonly verb: string; readonly when: 'before' | 'after' };

export interface Orders {
  readonly death?: Death | undefined;
  /** The process stands still at this point, as a node that is frozen would, until `meanwhile` has ended. */
  readonly pause?: { readonly point: string; readonly meanwhile: () => Promise<void> } | undefined;
}

export interface Outcome {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** `CODE: text` of the error that ended it. */
  readonly stderr: string;
  /** Of the operation, in the order in which they were passed. */
  readonly points: readonly string[];
}

/** @param program The bundled worker. @param folder Of the bench. */
export async function rotateInProcess(
  program: string,
  folder: string,
  [kind, id]: readonly [RotationKind, string],
  { death, pause }: Orders = {},
): Promise<Outcome> {
  const lane = join(folder, 'lanes', randomUUID());
  mkdirSync(lane, { recursive: true });
  const shims = death && 'verb' in death ? new ToolShims(lane, ['cryptsetup', 'timeout']) : undefined;
  if (death && 'point' in death) writeFileSync(join(lane, 'kill-at'), death.point);
  if (death && 'verb' in death) {
    // A piece of a re-encryption is called through `timeout`.
    shims?.killAt(death.verb === '--resume-only' ? 'timeout' : 'cryptsetup', death.verb, death.when);
  }
  if (pause) writeFileSync(join(lane, 'pause-at'), pause.point);
  const path = shims ? `${shims.folder}:${process.env.PATH}` : process.env.PATH;
  const env = { PATH: path, KEYWARD_TEST_POINTS: lane, DM_DISABLE_UDEV: process.env.DM_DISABLE_UDEV };
  const hook = join(__dirname, 'crash-hook.cjs');
  const child = spawn(process.execPath, ['--require', hook, program, folder, kind, id], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<readonly [number | null, string | null]>((resolve) =>
    child.once('close', (code, by) => resolve([code, by])),
  );
  if (pause) await Promise.race([ended, during(join(lane, 'paused'), pause.meanwhile, ended)]);
  const [exitCode, signal] = await ended;
  const passed = join(lane, 'passed');
  const points = existsSync(passed) ? readFileSync(passed, 'utf8').trim().split('\n') : [];
  rmSync(lane, { recursive: true });
  return { exitCode, signal, stderr, points };
}

/** Waits until the process stands still, or has ended without coming there. */
async function during(paused: string, meanwhile: () => Promise<void>, ended: Promise<unknown>): Promise<void> {
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  while (!existsSync(paused)) {
    if (hasEnded) return;
    await sleep(10);
  }
  // Whatever comes of it: a process that stands still for ever would outlive the test.
  await meanwhile().finally(() => rmSync(paused));
}
