/** The box of a folder: brought up, looked at, taken down. Only one process at a time does it for one folder. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno } from '../../runtime/errors';
import { withMachineLock } from '../machine-lock';
import { askBox, NoBoxError } from './control-client';
import type { BoxStatus } from './control-protocol';
import { type BoxLayout, boxLayout } from './layout';
import { type StartBoxOptions, startBox } from './start-box';

const endDeadlineMs = 20_000;
const pollMs = 50;

/**
 * The status of the box, which is started if there is none. What a killed one has left goes first.
 * @throws Error when the folder holds something else, or with the reason why the box does not start
 */
export function bringUp(folder: string, options: StartBoxOptions): Promise<BoxStatus & { readonly isNew: boolean }> {
  return locked(folder, async () => {
    const layout = boxLayout(folder);
    const running = await statusOf(layout);
    if (running !== undefined) return { ...running, isNew: false };
    await clear(layout);
    const box = await startBox(folder, options);
    writeFileSync(layout.pid, String(box.pid));
    const status = await askBox(layout.control, 'status', {});
    await box.letGo();
    return { ...status, isNew: true };
  });
}

/** undefined when there is no box, or one that was killed. */
export function lookAt(folder: string): Promise<BoxStatus | undefined> {
  return statusOf(boxLayout(folder));
}

/** Ends the box and removes the folder. @returns whether there was anything. @throws Error when the folder holds something else */
export function takeDown(folder: string): Promise<boolean> {
  return locked(folder, async () => {
    const layout = boxLayout(folder);
    const isThere = existsSync(folder);
    if (isThere) await clear(layout);
    return isThere;
  });
}

async function clear(layout: BoxLayout): Promise<void> {
  if (!existsSync(layout.folder) || readdirSync(layout.folder).length === 0) return;
  if (!existsSync(layout.log)) throw new Error(`${layout.folder} is not the folder of a cluster: name another one`);
  try {
    await askBox(layout.control, 'stop', {});
  } catch (error) {
    if (!(error instanceof NoBoxError)) throw error;
  }
  await untilGone(layout);
  rmSync(layout.folder, { recursive: true, force: true });
}

/** A box that cannot be asked any more is killed, and with the first process of its namespace all others. */
async function untilGone(layout: BoxLayout): Promise<void> {
  const pid = existsSync(layout.pid) ? Number(readFileSync(layout.pid, 'utf8')) : 0;
  const until = Date.now() + endDeadlineMs;
  while (isProgramOf(pid, layout.folder)) {
    if (Date.now() > until) kill(pid);
    await sleep(pollMs);
  }
}

/** Numbers are given again: a process is the box's if its command line names the folder. */
function isProgramOf(pid: number, folder: string): boolean {
  try {
    return pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return false;
    throw error;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has just ended.
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}

async function statusOf({ control }: BoxLayout): Promise<BoxStatus | undefined> {
  try {
    return await askBox(control, 'status', {});
  } catch (error) {
    if (error instanceof NoBoxError) return undefined;
    throw error;
  }
}

function locked<T>(folder: string, work: () => Promise<T>): Promise<T> {
  return withMachineLock(`cluster ${folder}`, work);
}
