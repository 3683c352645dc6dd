/** What the scheduler remembers of its claims between two looks. Losing it costs a try that comes early, nothing else. */
import { retryDelayMs } from './due';
import type { Operation } from './report';

export interface Known {
  /** When the claim was first seen. */
  readonly since: Date;
  /** As the record said at the last run that was not needed. RFC 3339. */
  rotatedAt?: string;
  /** What the last events said, so that the same is not said again at each try. */
  readonly said: Map<string, string>;
  readonly tries: Map<Operation, { readonly failures: number; readonly notBeforeMs: number }>;
}

export class Memory {
  readonly #known = new Map<string, Known>();

  /** @param uid of the claim */
  of(uid: string, now: Date): Known {
    const present = this.#known.get(uid);
    // A time that is yet to come was noted before the clock was set back.
    if (present && present.since <= now) return present;
    const known = { ...(present ?? { said: new Map(), tries: new Map() }), since: now };
    this.#known.set(uid, known);
    return known;
  }

  /** Forgets all other claims. */
  keep(uids: ReadonlySet<string>): void {
    for (const uid of this.#known.keys()) if (!uids.has(uid)) this.#known.delete(uid);
  }
}

/** Not tried again before, in the time of {@link performance}, which nobody sets back. */
export function noteFailure({ tries }: Known, operation: Operation, retryable: boolean, nowMs: number): void {
  const failures = (tries.get(operation)?.failures ?? 0) + 1;
  tries.set(operation, { failures, notBeforeMs: nowMs + retryDelayMs(failures, retryable) });
}

/** True when it is new; then it is remembered. */
export function isNews({ said }: Known, about: string, text: string): boolean {
  if (said.get(about) === text) return false;
  said.set(about, text);
  return true;
}
