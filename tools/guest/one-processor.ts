/** Ties a guest to one processor of this host: it has one itself, and is several times as quick there when the host is busy. */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { findCommand } from '../find-command';

/** A tick of /proc/stat is a hundredth of a second. */
const sampleMs = 400;

/**
 * Arguments to put before the kernel's command; none without `taskset`. The guest's kernel and its processes take turns, some
 * ten thousand times a second: on one processor that is a switch, between two a wakeup that has to wait.
 */
export async function oneProcessorPrefix(): Promise<readonly string[]> {
  const taskset = findCommand('taskset');
  const processors = allowedProcessors(readFileSync('/proc/self/status', 'utf8'));
  if (taskset === undefined || processors.length === 0) return [];
  // Other guests may run at the same time, and keep theirs busy.
  const before = busyTicks(readFileSync('/proc/stat', 'utf8'));
  await sleep(sampleMs);
  const after = busyTicks(readFileSync('/proc/stat', 'utf8'));
  const busy = (processor: number) => (after.get(processor) ?? 0) - (before.get(processor) ?? 0);
  const least = Math.min(...processors.map(busy));
  const idlest = processors.filter((processor) => busy(processor) === least);
  return [taskset, '-c', String(idlest[randomInt(idlest.length)])];
}

/** The processors that a process may run on, from its /proc/…/status. */
export function allowedProcessors(status: string): readonly number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    if (first === undefined || last === undefined || range === '') return [];
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** For each processor the ticks in which it did anything, from /proc/stat. Source: proc(5). */
export function busyTicks(stat: string): ReadonlyMap<number, number> {
  const lines = [...stat.matchAll(/^cpu(\d+) (.+)$/gm)];
  return new Map(
    lines.map(([, processor, text = '']) => {
      const [user = 0, nice = 0, system = 0, _idle, _wait, irq = 0, softIrq = 0] = text.split(' ').map(Number);
      return [Number(processor), user + nice + system + irq + softIrq];
    }),
  );
}
