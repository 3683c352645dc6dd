/** What benchmark `kms-plugin` makes of its samples. */
import type { Measured } from './benchmark';
import { median, spread } from './statistics';

export const operations = ['encrypt', 'decrypt'] as const;
type Operation = (typeof operations)[number];
/** One tells the time that a call takes, many what a plugin can do at most. */
export const callerCounts = [1, 64] as const;
export const manyCallers = 64;

export interface Sides<T> {
  readonly keyward: T;
  readonly peer: T;
}

export interface Sample {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Time of the processor that the load generator took for a call. */
  readonly loadCpuMs: number;
}

/** The two sides of one round. */
export interface Pace extends Sides<Sample> {
  readonly operation: Operation;
  readonly callers: number;
}

/** That OpenBao saw for each call, with 64 callers. */
export type Requests = Sides<Readonly<Record<Operation, number>>>;

export interface ColdStart extends Sides<number> {
  readonly api: 'v1' | 'v2';
}

export interface KmsPluginSamples {
  readonly paces: readonly Pace[];
  readonly requests: Requests;
  readonly rssMiB: Sides<number>;
  /** Seconds, one a round and version of the API. */
  readonly coldStarts: readonly ColdStart[];
  readonly peerName: string;
}

/**
 * Ratios are the median of the rounds' ratios: both sides of one were measured under the same load of the machine. Of
 * Encrypt and Decrypt the worse counts, so that a goal that is met is met for both.
 */
export function kmsPluginReport(samples: KmsPluginSamples): Measured {
  const { requests, rssMiB, coldStarts } = samples;
  const throughput = (callers: number) =>
    Math.min(...operations.map((operation) => ratioOf(samples, operation, callers, 'perSecond')));
  const cold = (api: ColdStart['api']) => {
    const chosen = coldStarts.filter((start) => start.api === api);
    return {
      ratio: median(chosen.map(({ keyward, peer }) => keyward / peer)),
      keyward: median(chosen.map(({ keyward }) => keyward)),
      peer: median(chosen.map(({ peer }) => peer)),
    };
  };
  const [v2, v1] = [cold('v2'), cold('v1')];
  const ratios = {
    throughput_vs_peer_64: throughput(manyCallers),
    p99_vs_peer_64: Math.max(...operations.map((operation) => ratioOf(samples, operation, manyCallers, 'p99Ms'))),
    throughput_vs_peer_1: throughput(1),
    cold_start_vs_peer: v2.ratio,
    cold_start_v1_vs_peer: v1.ratio,
  };
  const figures = {
    ...Object.fromEntries(
      operations.flatMap((operation) => callerCounts.flatMap((callers) => paceFigures(samples, operation, callers))),
    ),
    ...Object.fromEntries(
      operations.flatMap((operation) => [
        [`${operation}_requests_per_call`, requests.keyward[operation]],
        [`peer_${operation}_requests_per_call`, requests.peer[operation]],
      ]),
    ),
    rss_mib: rssMiB.keyward,
    peer_rss_mib: rssMiB.peer,
    cold_start_seconds: v2.keyward,
    peer_cold_start_seconds: v2.peer,
    cold_start_v1_seconds: v1.keyward,
    peer_cold_start_v1_seconds: v1.peer,
  };
  return { result: { bench: 'kms-plugin', ratios, figures }, table: tableOf(samples) };
}

type Measure = 'perSecond' | 'p50Ms' | 'p99Ms';

function ratioOf({ paces }: KmsPluginSamples, operation: Operation, callers: number, measure: Measure): number {
  return median(chosen(paces, operation, callers).map(({ keyward, peer }) => keyward[measure] / peer[measure]));
}

function paceFigures({ paces }: KmsPluginSamples, operation: Operation, callers: number): [string, number][] {
  const rounds = chosen(paces, operation, callers);
  return (['keyward', 'peer'] as const).flatMap((side) => {
    const of = (measure: Measure) => median(rounds.map((round) => round[side][measure]));
    const name = `${side === 'peer' ? 'peer_' : ''}${operation}_${callers}`;
    return [
      [`${name}_per_second`, of('perSecond')],
      [`${name}_p50_ms`, of('p50Ms')],
      [`${name}_p99_ms`, of('p99Ms')],
    ] as [string, number][];
  });
}

function chosen(paces: readonly Pace[], operation: Operation, callers: number): readonly Pace[] {
  return paces.filter((pace) => pace.operation === operation && pace.callers === callers);
}

function tableOf(samples: KmsPluginSamples): string[] {
  const { paces, requests, rssMiB, coldStarts, peerName } = samples;
  const rows = operations.flatMap((operation) =>
    callerCounts.flatMap((callers) => {
      const rounds = chosen(paces, operation, callers);
      return (['keyward', 'peer'] as const).map((side) => {
        const of = (read: (sample: Sample) => number) => rounds.map((round) => read(round[side]));
        const rate = spread(of(({ perSecond }) => perSecond));
        const ratio = side === 'keyward' ? ratioOf(samples, operation, callers, 'perSecond').toFixed(2) : '';
        return [
          `${operation}: ${side}`,
          `${callers}`,
          ...[rate.median, rate.least, rate.greatest].map((value) => value.toFixed(0)),
          `${median(of(({ p50Ms }) => p50Ms)).toFixed(1)} ms`,
          `${median(of(({ p99Ms }) => p99Ms)).toFixed(1)} ms`,
          `${median(of(({ loadCpuMs }) => loadCpuMs)).toFixed(2)} ms`,
          ratio,
        ];
      });
    }),
  );
  const head = ['per second', 'callers', 'median', 'least', 'greatest', 'p50', 'p99', 'CPU of load', 'vs peer'];
  const seen = (side: keyof Sides<unknown>) =>
    operations.map((operation) => `${operation} ${requests[side][operation].toFixed(3)}`).join(', ');
  return [
    ...aligned([head, ...rows]),
    `requests per call with ${manyCallers} callers, by OpenBao's audit log: keyward ${seen('keyward')}; peer ${seen('peer')}`,
    `memory after the load: keyward ${rssMiB.keyward.toFixed(1)} MiB, peer ${rssMiB.peer.toFixed(1)} MiB`,
    ...coldStarts.map(
      ({ api, keyward, peer }) =>
        `cold start with KMS ${api}: keyward ${keyward.toFixed(2)} s, peer ${peer.toFixed(2)} s`,
    ),
    `The peer is ${peerName}. OpenBao with TLS. Of encrypt and decrypt the worse one is the ratio.`,
  ];
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(width(column)) : cell.padStart(width(column));
  return rows.map((row) => row.map(pad).join('  ').trimEnd());
}
