/** Ties a guest to one processor of this host: it has one itself, and is several times as quick there when the host is busy. */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { findCommand } from '../find-command';

/**
 * Arguments to put before the kernel's command; none without `taskset`. The guest's kernel and its processes take turns, some
 * ten thousand times a second: on one processor that is a switch, between two a wakeup that has to wait.
 */
export function oneProcessorPrefix(): readonly string[] {
  const taskset = findCommand('taskset');
  const processors = allowedProcessors(readFileSync('/proc/self/status', 'utf8'));
  // Any of them: other guests may run at the same time.
  const chosen = processors[randomInt(processors.length || 1)];
  return taskset === undefined || chosen === undefined ? [] : [taskset, '-c', String(chosen)];
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
