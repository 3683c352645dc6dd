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

const dayMs = 86_400_000;
const minuteMs = 60_000;
/** Days of each word, at most. */
const wordDays: Readonly<Record<string, number>> = {
  '@hourly': 1 / 24,
  '@daily': 1,
  '@weekly': 7,
  '@monthly': 31,
  '@yearly': 366,
};
/** A year that begins before a leap year, and after it the years to the one after next: 29 February comes once in between. */
const [firstDay, lastDay] = [Date.UTC(2023, 0, 1), Date.UTC(2033, 0, 1)];

/** The longest time in days between two runs of a schedule; undefined when it never comes, or is no schedule. */
export function longestPauseDays(schedule: string): number | undefined {
  if (!isSchedule(schedule)) return undefined;
  const word = wordDays[schedule];
  if (word !== undefined) return word;
  const [minutes, hours, daysOfMonth, months, daysOfWeek] = schedule.split(' ').map((field, index) => {
    const [lowest = 0, highest = 0] = ranges[index] ?? [];
    return { values: valuesOf(field, lowest, highest), isAny: field.startsWith('*') };
  });
  if (!minutes || !hours || !daysOfMonth || !months || !daysOfWeek) return undefined;
  const times = hours.values.flatMap((hour) => minutes.values.map((minute) => (hour * 60 + minute) * minuteMs));
  let [last, longest]: [number | undefined, number] = [undefined, 0];
  for (let day = firstDay; day < lastDay; day += dayMs) {
    const date = new Date(day);
    if (!months.values.includes(date.getUTCMonth() + 1)) continue;
    const inMonth = daysOfMonth.values.includes(date.getUTCDate());
    const inWeek = daysOfWeek.values.includes(date.getUTCDay());
    // As in cron: two days that are both limited are alternatives.
    const isDue = daysOfMonth.isAny || daysOfWeek.isAny ? inMonth && inWeek : inMonth || inWeek;
    if (!isDue) continue;
    for (const time of times) {
      if (last !== undefined) longest = Math.max(longest, day + time - last);
      last = day + time;
    }
  }
  return longest === 0 ? undefined : longest / dayMs;
}

/** In order, each once. */
function valuesOf(field: string, lowest: number, highest: number): readonly number[] {
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const [, from, to, step = '1'] = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part) ?? [];
    const first = Number(from ?? lowest);
    // `5/10` begins at 5 and goes on to the end.
    const end = Number(to ?? (from === undefined || part.includes('/') ? highest : from));
    for (let value = first; value <= end; value += Number(step)) values.add(value);
  }
  return [...values].sort((one, other) => one - other);
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
