import fc from 'fast-check';
import { dueAt, retryDelayMs } from '../../../../runtime/rotation/schedule/due';
import { parseSchedule, type Schedule } from '../../../../runtime/rotation/schedule/schedule';

const minuteMs = 60_000;
const dayMs = 1440 * minuteMs;
const daily = schedule('@daily');
const at = (text: string) => new Date(text);
const common = { schedule: daily, uid: 'one', staggerMs: 0, since: at('2026-03-04T12:00:00Z') };

function schedule(text: string): Schedule {
  const parsed = parseSchedule(text);
  if (!parsed) throw new Error(`${text} is no schedule`);
  return parsed;
}

test('it is due at the next time after it was last done, wherever that was noted', () => {
  const done = [at('2026-03-02T07:00:00Z'), at('2026-03-04T13:00:00Z')];
  const now = at('2026-03-04T14:00:00Z');
  expect(dueAt({ ...common, now, done })).toEqual(at('2026-03-05T00:00:00Z'));
});

test('what is new is due at the next time, not at one before', () => {
  expect(dueAt({ ...common, now: at('2026-03-04T14:00:00Z'), done: [] })).toEqual(at('2026-03-05T00:00:00Z'));
});

test('a schedule without a next time is never due', () => {
  const never = schedule('0 0 30 2 *');
  expect(dueAt({ ...common, schedule: never, now: at('2026-03-04T14:00:00Z'), done: [] })).toBeUndefined();
});

test('a time that is yet to come was noted by a wrong clock and keeps nothing from being due', () => {
  const now = at('2026-03-06T14:00:00Z');
  const future = at('2031-01-01T00:00:00Z');
  expect(dueAt({ ...common, now, done: [future] })).toEqual(at('2026-03-05T00:00:00Z'));
  expect(dueAt({ ...common, now, done: [future, at('2026-03-05T01:00:00Z')] })).toEqual(at('2026-03-06T00:00:00Z'));
  // Set back before everything that is known: it starts anew from now, and is not due at once.
  const back = at('2020-01-01T10:00:00Z');
  expect(dueAt({ ...common, now: back, done: [now] })).toEqual(at('2020-01-02T00:00:00Z'));
});

test('clocks of nodes may differ a little: what another node noted as a minute from now was done', () => {
  const now = at('2026-03-05T00:00:00Z');
  expect(dueAt({ ...common, now, done: [at('2026-03-05T00:01:00Z')] })).toEqual(at('2026-03-06T00:00:00Z'));
});

test('runs are spread by a shift that is always the same for a claim, and less than an interval', () => {
  const now = at('2026-03-04T14:00:00Z');
  const shift = (uid: string, text = '@daily', staggerMs = 120 * minuteMs) => {
    const [plain, shifted] = [0, staggerMs].map((each) =>
      dueAt({ ...common, schedule: schedule(text), uid, now, done: [], staggerMs: each }),
    );
    return (shifted?.getTime() ?? 0) - (plain?.getTime() ?? 0);
  };
  const shifts = Array.from({ length: 500 }, (_, index) => shift(`uid-${index}`));
  expect(Math.min(...shifts)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...shifts)).toBeLessThan(120 * minuteMs);
  // Over the whole window: no quarter of it is left out.
  expect(new Set(shifts.map((each) => Math.floor(each / (30 * minuteMs)))).size).toBe(4);
  expect(shift('uid-7')).toBe(shifts[7]);
  for (let index = 0; index < 50; index += 1) expect(shift(`uid-${index}`, '*/5 * * * *')).toBeLessThan(5 * minuteMs);
});

test('however long nothing ran, one run makes up for it; and each interval has one run', () => {
  const looks = fc.array(fc.integer({ min: 1, max: 40 * 24 * 60 }), { minLength: 1, maxLength: 30 });
  const text = fc.constantFrom('@daily', '@weekly', '30 2 * * 6', '@every 7h');
  fc.assert(
    fc.property(text, looks, fc.string(), fc.integer({ min: 0, max: 3 }), (chosen, pauses, uid, hours) => {
      const input = { schedule: schedule(chosen), uid, staggerMs: hours * 60 * minuteMs, since: common.since };
      let now = common.since;
      let done: Date[] = [];
      const runs: Date[] = [];
      for (const pause of pauses) {
        now = new Date(now.getTime() + pause * minuteMs);
        const due = dueAt({ ...input, now, done });
        if (due && due <= now) {
          runs.push(now);
          done = [now];
        }
        // Directly after a run nothing is due.
        const again = dueAt({ ...input, now, done });
        expect(again && again <= now).toBe(false);
      }
      // Between two runs there is a time of the schedule.
      for (const [index, run] of runs.entries()) {
        const previous = runs[index - 1] ?? common.since;
        expect(input.schedule.next(previous)?.getTime()).toBeLessThanOrEqual(run.getTime());
      }
      expect(runs.length).toBeLessThanOrEqual(pauses.length);
    }),
    { numRuns: 200 },
  );
});

test('tries come further apart, sooner for what may pass by itself', () => {
  expect([1, 2, 3, 7, 50].map((count) => retryDelayMs(count, true) / minuteMs)).toEqual([1, 2, 4, 60, 60]);
  expect([1, 2, 5, 6, 50].map((count) => (retryDelayMs(count, false) * 24) / dayMs)).toEqual([1, 2, 16, 24, 24]);
});
