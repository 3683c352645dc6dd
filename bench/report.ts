/** What a benchmark ends with: a table for people and, as the last line of standard output, one line of JSON for programs. */
import { spread } from './statistics';

export interface BenchResult {
  readonly bench: string;
  /** Ours over something measured in the same run: comparable between machines. */
  readonly ratios: Readonly<Record<string, number>>;
  /** Absolute numbers, with the unit last in the name: true for this machine only. */
  readonly figures: Readonly<Record<string, number>>;
}

/** A number that the project promises. */
export type Goal = { readonly name: string } & ({ readonly atMost: number } | { readonly atLeast: number });

const significantDigits = 4;

export function jsonLine({ bench, ratios, figures }: BenchResult): string {
  return JSON.stringify({ bench, ratios: rounded(ratios), figures: rounded(figures) });
}

type Series = Readonly<Record<string, readonly number[]>>;

/** Median, least and greatest of each series of seconds. */
export function samplesTable(samples: Series): string[] {
  return table(samples, (seconds) => `${(seconds * 1000).toFixed(0)} ms`);
}

/** The same of bytes a second. */
export function ratesTable(samples: Series): string[] {
  return table(samples, (rate) => `${(rate / (1024 * 1024)).toFixed(1)} MiB/s`);
}

function table(samples: Series, show: (value: number) => string): string[] {
  const rows = Object.entries(samples).map(([name, values]) => {
    const { median, least, greatest } = spread(values);
    return [name, ...[median, least, greatest].map(show)];
  });
  return columns([['', 'median', 'least', 'greatest'], ...rows]);
}

/** One line a goal, met or missed. A missed goal is news for people, not an error: machines differ. */
export function goalLines({ ratios, figures }: BenchResult, goals: readonly Goal[]): string[] {
  const values: Readonly<Record<string, number>> = { ...ratios, ...figures };
  return goals.map((goal) => {
    const value = values[goal.name] ?? Number.NaN;
    const isMet = 'atMost' in goal ? value <= goal.atMost : value >= goal.atLeast;
    const wanted = 'atMost' in goal ? `at most ${goal.atMost}` : `at least ${goal.atLeast}`;
    return `${isMet ? 'met   ' : 'MISSED'} ${goal.name} ${round(value)} (goal: ${wanted})`;
  });
}

/** The first column is text and the others numbers: aligned left and right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  const pad = (cell: string, index: number) =>
    index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0);
  return rows.map((row) => row.map(pad).join('  ').trimEnd());
}

function rounded(values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, round(value)]));
}

function round(value: number): number {
  return Number(value.toPrecision(significantDigits));
}
