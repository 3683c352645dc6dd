/** One deadline over many awaits: a signal that fires at the caller's cancellation or after a time, whichever is first. */
import { CodedError } from '../errors';

export function deadline(timeoutMs: number, signal?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(timeoutMs);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}

/** @throws CodedError ABORTED when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new CodedError('ABORTED', 'the call was cancelled or its deadline has passed', { remedy: 'Repeat the call.' });
}
