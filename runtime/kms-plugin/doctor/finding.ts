/** What one check of the doctor found. */
import { toCoded } from '../../errors';

export interface Finding {
  /** What was looked at, e.g. `policy: transit/encrypt/kms`. */
  readonly check: string;
  readonly result: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly detail: string;
  readonly remedy?: string;
}

export const ok = (check: string, detail: string): Finding => ({ check, result: 'ok', detail });

export const warning = (check: string, detail: string, remedy: string): Finding => ({
  check,
  result: 'warning',
  detail,
  remedy,
});

export const failed = (check: string, detail: string, remedy: string): Finding => ({
  check,
  result: 'failed',
  detail,
  remedy,
});

export const skipped = (check: string, why: string): Finding => ({ check, result: 'skipped', detail: why });

/** The finding of a check that threw. */
export function failure(check: string, thrown: unknown): Finding {
  const error = toCoded(thrown);
  return failed(check, `${error.code}: ${error.message}`, error.remedy);
}
