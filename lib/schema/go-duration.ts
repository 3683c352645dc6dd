// Durations as Go's time.ParseDuration reads them: `3s`, `1m30s`, `1.5h`.

const unitNs: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3_600e9,
};
const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
/** Go holds a duration in 64 bits: about 292 years. */
const maxNs = 2 ** 63;

/** Nanoseconds of a Go duration; undefined when Go would refuse the text. */
export function goDurationNs(text: string): number | undefined {
  const [, sign, rest = ''] = /^([-+]?)(.+)$/.exec(text) ?? [];
  if (rest === '0') return 0;
  if (rest.replace(part, '') !== '') return undefined;
  const ns = [...rest.matchAll(part)].reduce((sum, [, number, unit]) => sum + Number(number) * unitOf(unit), 0);
  if (rest === '' || ns >= maxNs) return undefined;
  // Go cuts what is less than a nanosecond.
  return Math.trunc(sign === '-' ? -ns : ns);
}

function unitOf(unit: string | undefined): number {
  return unitNs[unit ?? ''] ?? 0;
}
