import { readCommandLine } from '../../../bench/command-line';
import { kmsBench, kmsReport, type Pace } from '../../../bench/kms';
import { jsonLine } from '../../../bench/report';

const round = (slowdown: number, ours = 1): Pace[] => {
  const sample = (perSecond: number) => ({ perSecond: perSecond / slowdown, cpuMs: 0.25 });
  return [1, 16].flatMap((callers) => [
    { type: 'vault', callers, keyward: sample(80 * callers * ours), floor: sample(100 * callers) },
    {
      type: 'vaulttransit',
      callers,
      keyward: sample((callers === 1 ? 30 : 45) * callers * ours),
      floor: sample(60 * callers),
    },
  ]);
};
const requestsPerFetch = { vault: 1.002, vaulttransit: 1.001 };
const { result, table } = kmsReport([...round(1), ...round(2), ...round(4)], requestsPerFetch);

describe('npm run bench -- kms', () => {
  test('takes the options of every benchmark', () => {
    const argv = ['kms', '--rounds', '3', '--output', 'json'];
    expect(readCommandLine(argv, ['kms'])).toEqual({ name: 'kms', rounds: 3, isJson: true, isHelp: false });
    expect(kmsBench.defaultRounds).toBeGreaterThan(0);
  });

  test('ends with the lower ratio of 1 and 16 callers, and the figures of 16', () => {
    expect(JSON.parse(jsonLine(result))).toEqual({
      bench: 'kms',
      ratios: { vault_vs_floor: 0.8, vaulttransit_vs_floor: 0.5 },
      figures: {
        vault_fetches_per_second: 640,
        vaulttransit_fetches_per_second: 360,
        floor_requests_per_second: 800,
        vault_requests_per_fetch: 1.002,
        vaulttransit_requests_per_fetch: 1.001,
      },
    });
  });

  test('compares the ratios within each round, whatever the load of the machine was in it', () => {
    const uneven = kmsReport([...round(1, 1.1), ...round(50), ...round(3, 0.5)], requestsPerFetch);
    expect(uneven.result.ratios).toEqual({ vault_vs_floor: 0.8, vaulttransit_vs_floor: 0.5 });
  });

  test('shows both floors for people, and the goals met and missed', () => {
    const text = table.join('\n');
    expect(text).toMatch(/^vault: Kms\.fetch +1 +40 +20 +80 +0\.25 ms +0\.80$/m);
    expect(text).toMatch(/^floor: GET of the entry +16 +800 +400 +1600 +0\.25 ms$/m);
    expect(text).toMatch(/^floor: POST of the decryption +16 +480 +240 +960 +0\.25 ms$/m);
    expect(text).toMatch(/^vault: 1\.002 requests per fetch/m);
    expect(text).toMatch(/^met +vault_vs_floor 0\.800 \(goal: at least 0\.7\)$/m);
    expect(text).toMatch(/^MISSED vaulttransit_vs_floor 0\.500 /m);
  });
});
