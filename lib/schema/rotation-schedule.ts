// When keys are rotated: a cron expression or one of five words, as CSI-Addons and Rook read it. CSI-Addons makes `@weekly`
// of a text that it cannot read, and says nothing: so it is checked here.
import * as z from 'zod';
import { decodeWith } from './decode';
import type { IssueParams } from './zod-issues';

const words = ['@hourly', '@daily', '@weekly', '@monthly', '@yearly'] as const;

/** Lowest and highest of minute, hour, day of the month, month, day of the week. */
const ranges = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
] as const;

/** A schedule, in numbers: names of months and days are left out, since not every reader takes them. */
const rotationSchedule = z.string().refine(isSchedule, {
  error: 'is not a schedule',
  params: {
    allowed: [...words, 'minute hour day month weekday'],
    remedy: 'write for example "@weekly" or "30 2 * * 6"',
  } satisfies IssueParams,
});

/** Checks a schedule of a declaration. Throws a SchemaError. */
export function settleSchedule(schedule: string, subject: string): string {
  return decodeWith(rotationSchedule, schedule, subject);
}

function isSchedule(text: string): boolean {
  if (words.some((word) => word === text)) return true;
  const fields = text.split(' ');
  return fields.length === ranges.length && ranges.every((range, index) => isField(fields[index] ?? '', range));
}

function isField(field: string, [lowest, highest]: readonly [number, number]): boolean {
  return field.split(',').every((part) => {
    const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/[1-9]\d?)?$/.exec(part);
    if (match === null) return false;
    const first = Number(match[1] ?? lowest);
    const last = Number(match[2] ?? match[1] ?? highest);
    return lowest <= first && first <= last && last <= highest;
  });
}
