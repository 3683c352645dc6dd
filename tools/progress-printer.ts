/** Prints the preparation of components for people: every change at once, a long build every few seconds. */
import pc from 'picocolors';
import type { ToolProgress } from './ensure';

const REPEAT_MS = 10_000;
const DETAIL_CHARS = 100;

/** A progress callback that writes to `write`, by default stderr so that stdout stays machine-readable. */
export function progressPrinter(write: (line: string) => void = (line) => process.stderr.write(`${line}\n`)) {
  let last = { key: '', atMs: 0 };
  return (progress: ToolProgress): void => {
    const key = `${progress.subject} ${progress.phase}`;
    const nowMs = Date.now();
    if (key === last.key && nowMs - last.atMs < REPEAT_MS) return;
    last = { key, atMs: nowMs };
    write(line(progress));
  };
}

function line({ subject, phase, elapsedMs, detail }: ToolProgress): string {
  const paint = phase === 'failed' ? pc.red : phase === 'ready' ? pc.green : pc.cyan;
  const seconds = `${Math.round(elapsedMs / 1000)} s`.padStart(6);
  // A failure is told in full: it ends with the remedy.
  const shown = phase === 'failed' || detail.length <= DETAIL_CHARS ? detail : `${detail.slice(0, DETAIL_CHARS)}…`;
  return `${paint(phase.padEnd(10))} ${subject.padEnd(16)} ${pc.dim(seconds)}  ${shown}`;
}
