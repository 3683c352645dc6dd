/**
 * Benchmark `kms`: how many keys a second keyward fetches from a real OpenBao, beside the bare requests that this takes.
 * All of it in one process and with TLS, as in production; the keys' only other place, the volume's metadata, is memory.
 */
import { ensureTools } from '../tools/ensure';
import type { Benchmark, Measured } from './benchmark';
import { type Floor, openFloor } from './kms-floor';
import { type BenchedType, type KmsServer, kmsTypes, startKmsServer } from './kms-server';
import { median, spread } from './statistics';

const volumes = 200;
/** One tells the time that our own work adds to a call, many tell how much of the processor it takes. */
const callerCounts = [1, 16] as const;
/** The figures are theirs. */
const manyCallers = 16;
/** Short and in the order A B B A, so that a load that comes or goes meanwhile counts for both. */
const sliceMs = 200;
const countedFetches = 1_000;
const goal = 0.7;

type Side = 'keyward' | 'floor';

export interface Sample {
  readonly perSecond: number;
  /** Time of the processor that a call took of this process: disturbed less by other programs than the rate. */
  readonly cpuMs: number;
}

/** The two sides of one round. */
export interface Pace extends Readonly<Record<Side, Sample>> {
  readonly type: BenchedType;
  readonly callers: number;
}

interface Slice {
  readonly calls: number;
  readonly ms: number;
  readonly cpuMs: number;
}

type Call = (volumeId: string) => Promise<unknown>;

export const kmsBench: Benchmark = {
  about: 'keys fetched per second by vault and vaulttransit, beside bare requests to the same OpenBao',
  defaultRounds: 10,
  // These are at least, and goalLines knows at most: kmsReport tells them.
  goals: [],
  measure: async (rounds, progress) => {
    await ensureTools(['openbao', 'openssl'], {
      onProgress: ({ subject, phase, detail }) => progress(`${phase} ${subject}: ${detail}`),
    });
    progress('counting requests');
    const requestsPerFetch = await countRequests();
    return kmsReport(await measurePaces(rounds, progress), requestsPerFetch);
  },
};

/** At the audit log of a server of its own, since the log would slow down the one that is measured. Logins count. */
async function countRequests(): Promise<Record<BenchedType, number>> {
  const server = await startKmsServer({ volumes: 20, audit: true });
  try {
    const count = async (type: BenchedType) => {
      const before = server.auditedRequests();
      await withFetch(server, async (fetchOf) => {
        const fetch = fetchOf(type);
        for (let done = 0; done < countedFetches; done += manyCallers) {
          const callers = Math.min(manyCallers, countedFetches - done);
          const ids = Array.from({ length: callers }, (_, index) => volumeAt(server, done + index));
          await Promise.all(ids.map(fetch));
        }
      });
      return (server.auditedRequests() - before) / countedFetches;
    };
    return { vault: await count('vault'), vaulttransit: await count('vaulttransit') };
  } finally {
    await server.stop();
  }
}

async function measurePaces(rounds: number, progress: (line: string) => void): Promise<Pace[]> {
  const server = await startKmsServer({ volumes, audit: false });
  const floor = await openFloor(server, manyCallers);
  try {
    return await withFetch(server, async (fetchOf) => {
      for (const type of kmsTypes) await checkFloor(server, floor, type);
      const paces: Pace[] = [];
      // The first round compiles and connects, and does not count.
      for (let round = 0; round <= rounds; round += 1) {
        progress(round === 0 ? 'warming up' : `round ${round} of ${rounds}`);
        for (const type of kmsTypes) {
          for (const callers of callerCounts) {
            const bare: Call = (volumeId) => floor.send(type, volumeId);
            const pair = await inTurn(server, callers, { keyward: fetchOf(type), floor: bare });
            if (round > 0) paces.push({ type, callers, ...pair });
          }
        }
      }
      return paces;
    });
  } finally {
    floor.close();
    await server.stop();
  }
}

async function inTurn(
  server: KmsServer,
  callers: number,
  calls: Readonly<Record<Side, Call>>,
): Promise<Readonly<Record<Side, Sample>>> {
  const sums = { keyward: { calls: 0, ms: 0, cpuMs: 0 }, floor: { calls: 0, ms: 0, cpuMs: 0 } };
  for (const side of ['keyward', 'floor', 'floor', 'keyward'] as const) {
    const slice = await runSlice(server, callers, calls[side]);
    sums[side].calls += slice.calls;
    sums[side].ms += slice.ms;
    sums[side].cpuMs += slice.cpuMs;
  }
  const sample = ({ calls, ms, cpuMs }: Slice): Sample => ({
    perSecond: calls / (ms / 1_000),
    cpuMs: cpuMs / calls,
  });
  return { keyward: sample(sums.keyward), floor: sample(sums.floor) };
}

async function runSlice(server: KmsServer, callers: number, call: Call): Promise<Slice> {
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  let calls = 0;
  const caller = async () => {
    while (performance.now() - startedAt < sliceMs) {
      calls += 1;
      await call(volumeAt(server, calls));
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const { user, system } = process.cpuUsage(cpuBefore);
  return { calls, ms: performance.now() - startedAt, cpuMs: (user + system) / 1_000 };
}

/** Lends fetches by new KMS objects. Each has a signal of its own, as each call of the kubelet has. */
async function withFetch<T>(server: KmsServer, use: (fetchOf: (type: BenchedType) => Call) => Promise<T>): Promise<T> {
  const set = server.kmsSet();
  try {
    return await use((type) => {
      const kms = set.get(type);
      return async (volumeId) => {
        const context = { secrets: new Map(), signal: new AbortController().signal };
        const { dek } = await kms.fetch({ volumeId, owner: '' }, context, server.wrappedKeys(volumeId));
        dek.zero();
      };
    });
  } finally {
    await set.close();
  }
}

/** The floor must ask for the same thing: its answer holds the key that keyward fetches. */
async function checkFloor(server: KmsServer, floor: Floor, type: BenchedType): Promise<void> {
  const volumeId = volumeAt(server, 0);
  const set = server.kmsSet();
  try {
    const found = await set
      .get(type)
      .fetch({ volumeId, owner: '' }, { secrets: new Map() }, server.wrappedKeys(volumeId));
    using dek = found.dek;
    const key = dek.use((bytes) => bytes.toString(type === 'vault' ? 'utf8' : 'base64'));
    const answer = await floor.send(type, volumeId);
    if (!answer.includes(key)) throw new Error(`The bare request for ${type} does not answer with the key.`);
  } finally {
    await set.close();
  }
}

function volumeAt({ volumeIds }: KmsServer, index: number): string {
  return volumeIds[index % volumeIds.length] ?? '';
}

/**
 * Ratios are the median of the rounds' ratios: both sides of one were measured under the same load of the machine. Of one
 * caller and many the worse counts, so that a goal that is met is met for both.
 */
export function kmsReport(paces: readonly Pace[], requestsPerFetch: Readonly<Record<BenchedType, number>>): Measured {
  const of = (type: BenchedType, callers: number) => {
    const chosen = paces.filter((pace) => pace.type === type && pace.callers === callers);
    return {
      keyward: chosen.map(({ keyward }) => keyward),
      floor: chosen.map(({ floor }) => floor),
      ratio: median(chosen.map(({ keyward, floor }) => keyward.perSecond / floor.perSecond)),
    };
  };
  const [vault, transit] = [of('vault', manyCallers), of('vaulttransit', manyCallers)];
  const worst = (type: BenchedType) => Math.min(...callerCounts.map((callers) => of(type, callers).ratio));
  const ratios = { vault_vs_floor: worst('vault'), vaulttransit_vs_floor: worst('vaulttransit') };
  const figures = {
    vault_fetches_per_second: median(ratesOf(vault.keyward)),
    vaulttransit_fetches_per_second: median(ratesOf(transit.keyward)),
    floor_requests_per_second: median(ratesOf(vault.floor)),
    vault_requests_per_fetch: requestsPerFetch.vault,
    vaulttransit_requests_per_fetch: requestsPerFetch.vaulttransit,
  };
  const rows = kmsTypes.flatMap((type) =>
    callerCounts.flatMap((callers) => {
      const { keyward, floor, ratio } = of(type, callers);
      const bare = type === 'vault' ? 'floor: GET of the entry' : 'floor: POST of the decryption';
      return [
        [`${type}: Kms.fetch`, `${callers}`, ...cells(keyward), ratio.toFixed(2)],
        [bare, `${callers}`, ...cells(floor), ''],
      ];
    }),
  );
  return {
    result: { bench: 'kms', ratios, figures },
    table: [
      ...aligned([['per second', 'callers', 'median', 'least', 'greatest', 'CPU of a call', 'vs floor'], ...rows]),
      ...kmsTypes.map(
        (type) => `${type}: ${requestsPerFetch[type]} requests per fetch by the server's audit log, login included`,
      ),
      'OpenBao with TLS; the floor is node:https with kept-alive connections, its answers not parsed.',
      `vault_vs_floor is to the GETs, vaulttransit_vs_floor to the POSTs; the lower of those with ${callerCounts.join(' and ')} callers.`,
      `floor_requests_per_second is the GETs. All figures are those of ${manyCallers} callers.`,
      '',
      ...Object.entries(ratios).map(
        ([name, value]) =>
          `${value >= goal ? 'met   ' : 'MISSED'} ${name} ${value.toFixed(3)} (goal: at least ${goal})`,
      ),
    ],
  };
}

function cells(samples: readonly Sample[]): string[] {
  const { median: middle, least, greatest } = spread(ratesOf(samples));
  const cpu = median(samples.map(({ cpuMs }) => cpuMs));
  return [...[middle, least, greatest].map((rate) => rate.toFixed(0)), `${cpu.toFixed(2)} ms`];
}

function ratesOf(samples: readonly Sample[]): number[] {
  return samples.map(({ perSecond }) => perSecond);
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(width(column)) : cell.padStart(width(column));
  return rows.map((row) => row.map(pad).join('  ').trimEnd());
}
