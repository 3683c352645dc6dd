import type { ToolName } from '../../tools/components';
import { findTool } from '../../tools/ensure';

/**
 * A `describe` whose tests need real components. Where one is not prepared, a user sees the group skipped under a name that
 * says what is missing; in continuous integration (CI=true) it runs, and fails.
 */
export function describeWith(components: readonly ToolName[], name: string, body: () => void): void {
  const missing = components.filter((component) => findTool(component) === undefined);
  if (missing.length === 0 || process.env.CI === 'true') describe(name, body);
  else
    describe.skip(
      `${name} [skipped: ${missing.join(', ')} not prepared; run: npm run tools -- ${missing.join(' ')}]`,
      body,
    );
}
