/** Tests that take the guest too long for every run. */
import type { ToolName } from '../../tools/components';
import { describeWith } from './describe-with';

/** Whether tests run in full. */
export const runsLongTests = process.env.KEYWARD_LONG_TESTS === '1';

/** A test that runs with KEYWARD_LONG_TESTS=1 and says so where it does not. */
export function longTest(name: string, action: () => Promise<void>): void {
  if (runsLongTests) test(name, action);
  else test.skip(`${name} (runs with KEYWARD_LONG_TESTS=1)`, action);
}

/** The same for a group that needs real components. */
export function describeLong(components: readonly ToolName[], name: string, body: () => void): void {
  if (runsLongTests) describeWith(components, name, body);
  else describe.skip(`${name} (runs with KEYWARD_LONG_TESTS=1)`, body);
}
