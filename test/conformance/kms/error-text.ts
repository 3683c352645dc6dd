/** All text by which an error could tell something: its own, that of its causes, and what libraries hung on them. */
import { inspect } from 'node:util';

export function textOf(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && parts.length < 40; ) {
    parts.push(inspect(at, { depth: 10, showHidden: true, getters: true }), String(at), JSON.stringify(at) ?? '');
    if (!(at instanceof Error)) break;
    parts.push(at.message, at.stack ?? '');
    at = at.cause;
  }
  return parts.join('\n');
}
