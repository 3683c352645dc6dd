/** The middle and the ends of a series. The middle, because one disturbed round must not decide. */

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
}

/** @throws RangeError for an empty series. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((left, right) => left - right);
  const [least, greatest] = [sorted[0], sorted.at(-1)];
  if (least === undefined || greatest === undefined) throw new RangeError('a series without values has no median');
  const upper = sorted[Math.floor(sorted.length / 2)] ?? greatest;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? least;
  return { median: (lower + upper) / 2, least, greatest };
}

export function median(values: readonly number[]): number {
  return spread(values).median;
}
