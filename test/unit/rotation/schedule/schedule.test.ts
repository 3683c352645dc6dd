import fc from 'fast-check';
import { parseSchedule } from '../../../../runtime/rotation/schedule/schedule';

const next = (text: string, after: string) => parseSchedule(text)?.next(new Date(after))?.toISOString();

test.each([
  ['@hourly', '2026-03-04T05:06:07Z', '2026-03-04T06:00:00.000Z'],
  ['@daily', '2026-03-04T05:06:07Z', '2026-03-05T00:00:00.000Z'],
  ['@midnight', '2026-03-04T05:06:07Z', '2026-03-05T00:00:00.000Z'],
  ['@weekly', '2026-03-04T05:06:07Z', '2026-03-08T00:00:00.000Z'],
  ['@monthly', '2026-03-04T05:06:07Z', '2026-04-01T00:00:00.000Z'],
  ['@yearly', '2026-03-04T05:06:07Z', '2027-01-01T00:00:00.000Z'],
  ['@annually', '2026-03-04T05:06:07Z', '2027-01-01T00:00:00.000Z'],
  ['30 2 * * 6', '2026-03-04T05:06:07Z', '2026-03-07T02:30:00.000Z'],
  ['30 2 * * SAT', '2026-03-04T05:06:07Z', '2026-03-07T02:30:00.000Z'],
  ['0 0 1 jan,JUL *', '2026-03-04T05:06:07Z', '2026-07-01T00:00:00.000Z'],
  ['5/20 * * * *', '2026-03-04T05:06:07Z', '2026-03-04T05:25:00.000Z'],
  ['*/90 * * * *', '2026-03-04T05:06:07Z', '2026-03-04T06:00:00.000Z'],
  ['0 */24 */31 */12 */7', '2026-03-04T05:06:07Z', '2027-01-01T00:00:00.000Z'],
  ['0 12 ? * *', '2026-03-04T05:06:07Z', '2026-03-04T12:00:00.000Z'],
  ['@every 1h30m', '2026-03-04T05:06:07Z', '2026-03-04T06:36:07.000Z'],
  ['@every 1ms', '2026-03-04T05:06:07Z', '2026-03-04T05:06:08.000Z'],
  ['CRON_TZ=Europe/Berlin 0 2 * * *', '2026-03-04T05:06:07Z', '2026-03-05T01:00:00.000Z'],
  ['TZ=Asia/Tokyo @daily', '2026-03-04T05:06:07Z', '2026-03-04T15:00:00.000Z'],
])('%s after %s is %s', (text, after, expected) => {
  expect(next(text, after)).toBe(expected);
});

test('day of the month and day of the week together mean either, as cron has it', () => {
  expect(next('0 0 13 * 5', '2026-03-07T00:00:00Z')).toBe('2026-03-13T00:00:00.000Z');
  expect(next('0 0 20 * 5', '2026-03-07T00:00:00Z')).toBe('2026-03-13T00:00:00.000Z');
});

test('a time zone that changes its clock skips no day and doubles none', () => {
  const schedule = parseSchedule('CRON_TZ=Europe/Berlin 30 2 * * *');
  const days = new Set<string>();
  let at = new Date('2026-01-01T00:00:00Z');
  for (let count = 0; count < 365; count += 1) {
    at = schedule?.next(at) ?? at;
    days.add(new Intl.DateTimeFormat('sv', { timeZone: 'Europe/Berlin' }).format(at));
  }
  expect(days.size).toBe(365);
});

test.each([
  '',
  ' ',
  'weekly',
  '@fortnightly',
  '@every',
  '@every -1h',
  '@every 0s',
  '@every tuesday',
  '60 * * * *',
  '*/0 * * * *',
  '* * * *',
  '* * * * * *',
  '0 0 L * *',
  '0 0 * * 5#2',
  '0 0 15W * *',
  '* * * JAN-DEX *',
  'TZ=Nowhere/Land @daily',
  'every monday',
])('refuses %j', (text) => {
  expect(parseSchedule(text)).toBeUndefined();
});

test('a day that never comes has no next time', () => {
  expect(parseSchedule('0 0 30 2 *')?.next(new Date())).toBeUndefined();
});

const part = (lowest: number, highest: number) =>
  fc.oneof(
    fc.constant('*'),
    fc.integer({ min: lowest, max: highest }).map(String),
    fc.integer({ min: 1, max: 99 }).map((by) => `*/${by}`),
  );
const cron = fc.tuple(part(0, 59), part(0, 23), part(1, 28), part(1, 12), part(0, 6)).map((parts) => parts.join(' '));
const date = fc.date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });

test('the next time is later, on a whole minute, and nothing lies between', () => {
  fc.assert(
    fc.property(cron, date, (text, after) => {
      const schedule = parseSchedule(text);
      const at = schedule?.next(after);
      if (!schedule || !at) throw new Error(`${text} has no next time`);
      expect(at.getTime()).toBeGreaterThan(after.getTime());
      expect(at.getTime() % 60_000).toBe(0);
      // From just before it comes again: no time depends on where one stands.
      expect(schedule.next(new Date(at.getTime() - 1))).toEqual(at);
      const between = new Date((after.getTime() + at.getTime()) / 2);
      if (between > after && between < at) expect(schedule.next(between)).toEqual(at);
    }),
    { numRuns: 200 },
  );
});
