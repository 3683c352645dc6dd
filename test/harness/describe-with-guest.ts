import type { ToolName } from '../../tools/components';
import { describeWith } from './describe-with';

/** As `describeWith`, for tests that give guests a network, which takes root. */
export function describeWithGuest(components: readonly ToolName[], name: string, body: () => void): void {
  if (process.getuid?.() === 0) describeWith(components, name, body);
  // Nothing that can be installed makes a user root.
  else describe.skip(`${name} [skipped: it needs root]`, body);
}
