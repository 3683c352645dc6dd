/** Tests that take the guest too long for every run. */

/** Whether tests run in full. */
export const runsLongTests = process.env.KEYWARD_LONG_TESTS === '1';

/** A test that runs with KEYWARD_LONG_TESTS=1 and says so where it does not. */
export function longTest(name: string, action: () => Promise<void>): void {
  if (runsLongTests) test(name, action);
  else test.skip(`${name} (runs with KEYWARD_LONG_TESTS=1)`, action);
}
