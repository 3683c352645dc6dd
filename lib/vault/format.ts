// A state as bytes: the same state gives the same bytes, in whatever order its parts were written down.
import { formatJson } from '../schema/decode';
import type { VaultState } from './namespace';

/** The state as JSON text with sorted keys. Lists keep their order: in a policy or a role it is the author's. */
export function formatVaultState(state: VaultState): string {
  return formatJson(sorted(state));
}

/** Whether two values of a state say the same, whatever the order of their keys. */
export function isSame(left: unknown, right: unknown): boolean {
  return canonical(left) === canonical(right);
}

/** One line of JSON with sorted keys. */
export function canonical(value: unknown): string {
  return JSON.stringify(sorted(value));
}

/** Ordering by UTF-16 units, which no locale changes. */
export function byName([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(byName)
      .map(([key, part]) => [key, sorted(part)]),
  );
}
