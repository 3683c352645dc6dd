/**
 * When keys are rotated, as CSI-Addons reads it (robfig/cron): five fields, `@weekly` and its like, `@every 12h`, a time zone
 * in front (`CRON_TZ=Europe/Berlin 0 2 * * 6`). Without one it is UTC.
 */
import { Cron } from 'croner';
import { goDurationNs } from '../../../lib/schema/go-duration';

export interface Schedule {
  readonly text: string;
  /** The first time after that. Undefined when there is none: the 30th of February. */
  readonly next: (after: Date) => Date | undefined;
}

const words: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/** The library takes more than five fields of cron, for example `L`, which CSI-Addons would not. */
const month = 'jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec';
const day = 'sun|mon|tue|wed|thu|fri|sat';
const field = (names: string) => new RegExp(`^([\\d*/,?-]|${names})+$`, 'i');
const fields = [
  { form: field('\\d'), values: 60 },
  { form: field('\\d'), values: 24 },
  { form: field('\\d'), values: 31 },
  { form: field(month), values: 12 },
  { form: field(day), values: 7 },
];

/** Undefined for a text that is no schedule. */
export function parseSchedule(text: string): Schedule | undefined {
  const [, every] = /^@every\s+(\S+)$/.exec(text.trim()) ?? [];
  if (every !== undefined) return regular(text, (goDurationNs(every) ?? 0) / 1e6);
  const [, timezone = 'UTC', rest = ''] = /^(?:(?:CRON_)?TZ=(\S+)\s+)?(.*)$/s.exec(text.trim()) ?? [];
  const parts = (words[rest] ?? rest).split(/\s+/);
  if (parts.length !== fields.length || !parts.every((part, index) => fields[index]?.form.test(part))) return undefined;
  const pattern = parts.map((part, index) => withinField(part, fields[index]?.values ?? 1)).join(' ');
  try {
    const cron = new Cron(pattern, { mode: '5-part', timezone, sloppyRanges: true, paused: true });
    // The library finds out only at the first use that there is no such time zone.
    new Intl.DateTimeFormat('en', { timeZone: timezone });
    return { text, next: (after) => cron.nextRun(after) ?? undefined };
  } catch {
    // How both say that there is no such pattern, or time zone; they have nothing else to fail by.
    return undefined;
  }
}

/** A step beyond the field means its first value alone; the library would refuse it. */
function withinField(part: string, values: number): string {
  return part.replace(/\/(\d+)/g, (_, step: string) => `/${Math.min(Number(step), values)}`);
}

/** Never more often than every second, as CSI-Addons does. */
function regular(text: string, wantedMs: number): Schedule | undefined {
  if (wantedMs <= 0) return undefined;
  const everyMs = Math.max(1000, wantedMs);
  return { text, next: (after) => new Date(after.getTime() + everyMs) };
}
