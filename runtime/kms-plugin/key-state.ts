/**
 * What the plugin knows of its key and of Vault, and what it therefore tells the API server.
 *
 *     unknown ──first good probe──▶ known ──probe fails──▶ known, with a fault ──probe succeeds──▶ known
 *
 * The key id of a known key is kept through any fault: an API server that reads another one, or none, would stop to write.
 * A fault that may pass by itself (Vault away, sealed, throttled) is told after the grace; one that will not (denied, key
 * gone) is told when a second probe has seen it.
 */
import { CodedError } from '../errors';
import type { KeyVersion } from './key-id';

export interface Fault {
  readonly error: CodedError;
  /** Of the first failure in a row, in milliseconds since 1970. */
  readonly since: number;
  /** Failures in a row. */
  readonly count: number;
}

export type KeyState =
  | { readonly phase: 'unknown'; readonly fault?: Fault }
  | {
      readonly phase: 'known';
      readonly version: KeyVersion;
      readonly keyId: string;
      readonly lastGoodAt: number;
      readonly fault?: Fault;
    };

/** After a good round trip, or an encryption for the API server, with this version. */
export function succeeded(version: KeyVersion, keyId: string, now: number): KeyState {
  return { phase: 'known', version, keyId, lastGoodAt: now };
}

export function failed(state: KeyState, error: CodedError, now: number): KeyState {
  const { since = now, count = 0 } = state.fault ?? {};
  return { ...state, fault: { error, since, count: count + 1 } };
}

/** What is to be told as wrong; undefined: nothing. */
export function trouble(state: KeyState, graceMs: number, now: number): CodedError | undefined {
  const { fault } = state;
  if (state.phase === 'unknown') return fault?.error ?? starting();
  if (!fault) return undefined;
  return fault.error.retryable
    ? now - fault.since > graceMs
      ? fault.error
      : undefined
    : fault.count > 1
      ? fault.error
      : undefined;
}

function starting(): CodedError {
  return new CodedError('KMS_UNREACHABLE', 'the plugin has not reached Vault yet', { remedy: 'Repeat the call.' });
}
