import { longestPauseDays } from '../../../lib/schema/rotation-schedule';

describe('the longest pause of a schedule', () => {
  test.each([
    ['@hourly', 1 / 24],
    ['@monthly', 31],
    ['@yearly', 366],
    ['30 2 * * 6', 7],
    ['0 0,12 * * *', 0.5],
    ['*/15 * * * *', 1 / 96],
    ['0 5/6 * * *', 0.25],
    ['0 0 1 * *', 31],
    ['0 0 31 * *', 61],
    ['0 0 1 */3 *', 92],
    ['0 0 1,15 * 1', 7],
    ['0 0 29 2 *', 4 * 365 + 1],
  ])('%s: %d days', (schedule, days) => {
    expect(longestPauseDays(schedule)).toBeCloseTo(days, 9);
  });

  test('is unknown where it never comes, and for what is no schedule', () => {
    expect(longestPauseDays('0 0 30 2 *')).toBeUndefined();
    expect(longestPauseDays('weekly')).toBeUndefined();
  });
});
