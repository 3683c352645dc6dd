/** What bench/main.ts expects of a benchmark. One file each; a new one is one row in the table there. */
import type { BenchResult, Goal } from './report';

export interface Measured {
  readonly result: BenchResult;
  /** For people, printed above the line of JSON. */
  readonly table: readonly string[];
}

/** What only some benchmarks act on. */
export interface BenchOptions {
  /** Path of the program to compare with. */
  readonly peer?: string;
  /** Block device to measure on, whose content is lost. */
  readonly device?: string;
}

export interface Benchmark {
  /** One line of the help. */
  readonly about: string;
  readonly defaultRounds: number;
  readonly goals: readonly Goal[];
  /** @param progress Called with a line at a time; not part of the result. */
  measure(rounds: number, progress: (line: string) => void, options: BenchOptions): Promise<Measured>;
}
