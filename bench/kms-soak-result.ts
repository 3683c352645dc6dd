/** What the soak makes of what it saw: findings, which there must be none of, and figures. */
import type { LoadSummary } from './kms-load';
import type { MemorySample } from './kms-soak-plugin';
import { median } from './statistics';

export interface FaultRecord {
  readonly name: string;
  /** What calls may fail with meanwhile. */
  readonly allowed: readonly string[];
  /** From its beginning until the recovery. */
  readonly errors: Readonly<Record<string, number>>;
  readonly examples: Readonly<Record<string, string>>;
  readonly wrong: number;
  readonly calls: number;
  /** From its end until no call failed any more. Undefined: it did not recover in time. */
  readonly recoveryMs: number | undefined;
}

export interface SoakSamples {
  readonly records: readonly FaultRecord[];
  /** In order of time. */
  readonly memory: readonly MemorySample[];
  readonly total: LoadSummary;
  /** Before the first fault. */
  readonly calmErrors: Readonly<Record<string, number>>;
}

export interface SoakResult {
  /** Empty: all is well. */
  readonly findings: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

/** A leak of one object a call would be far more: ten minutes are a million calls. */
const maxGrowthMiB = 3;

export function soakResult({ records, memory, total, calmErrors }: SoakSamples): SoakResult {
  const heap = thirds(memory.map(({ heapMiB }) => heapMiB));
  const external = thirds(memory.map(({ externalMiB }) => externalMiB));
  const rss = thirds(memory.map(({ rssMiB }) => rssMiB));
  const slowest = Math.max(0, ...records.map(({ recoveryMs }) => recoveryMs ?? 0));
  const failed = Object.values(total.errors).reduce((sum, count) => sum + count, 0);
  return {
    findings: [
      ...(total.wrong > 0 ? [`${total.wrong} calls gave a wrong plaintext in all`] : []),
      ...Object.entries(calmErrors).map(([kind, count]) => `${count} × ${kind} before the first fault`),
      ...records.flatMap(faultFindings),
      ...growth('heap', heap),
      ...growth('memory outside of the heap', external),
    ],
    figures: {
      calls: total.calls,
      calls_failed: failed,
      wrong_plaintexts: total.wrong,
      per_second: total.perSecond,
      p50_ms: total.p50Ms,
      p99_ms: total.p99Ms,
      faults: records.length,
      slowest_recovery_seconds: slowest / 1_000,
      heap_early_mib: heap.early,
      heap_late_mib: heap.late,
      external_early_mib: external.early,
      external_late_mib: external.late,
      rss_early_mib: rss.early,
      rss_late_mib: rss.late,
    },
  };
}

function faultFindings({ name, allowed, errors, examples, wrong, recoveryMs }: FaultRecord): string[] {
  const unexpected = Object.entries(errors).filter(([kind]) => !allowed.includes(kind));
  return [
    ...(wrong > 0 ? [`${name}: ${wrong} calls gave a wrong plaintext`] : []),
    ...unexpected.map(([kind, count]) => `${name}: ${count} × ${kind} (${examples[kind] ?? ''})`),
    ...(recoveryMs === undefined ? [`${name}: calls failed on after its end`] : []),
  ];
}

interface Thirds {
  readonly early: number;
  readonly late: number;
}

/** Medians of the first and the last third: one sample in the middle of a batch must not decide. */
function thirds(values: readonly number[]): Thirds {
  const size = Math.max(1, Math.floor(values.length / 3));
  return { early: median(values.slice(0, size)), late: median(values.slice(-size)) };
}

function growth(what: string, { early, late }: Thirds): string[] {
  if (late - early <= maxGrowthMiB) return [];
  return [`${what} grew from ${early.toFixed(1)} to ${late.toFixed(1)} MiB`];
}
