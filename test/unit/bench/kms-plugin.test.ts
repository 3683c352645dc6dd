import { readCommandLine } from '../../../bench/command-line';
import { kmsPluginBench } from '../../../bench/kms-plugin';
import { kmsPluginReport, type Pace } from '../../../bench/kms-plugin-report';
import { goalLines, jsonLine } from '../../../bench/report';

const sample = (perSecond: number, p99Ms: number) => ({ perSecond, p50Ms: p99Ms / 10, p99Ms, loadCpuMs: 0.06 });

/** A round on a machine that is `slowdown` times slower for both. */
const round = (slowdown: number): Pace[] => {
  const side = (perSecond: number, p99Ms: number) => sample(perSecond / slowdown, p99Ms * slowdown);
  return [
    { operation: 'encrypt', callers: 1, keyward: side(500, 4), peer: side(250, 8) },
    { operation: 'encrypt', callers: 64, keyward: side(6_000, 20), peer: side(1_000, 100) },
    { operation: 'decrypt', callers: 1, keyward: side(450, 4), peer: side(500, 4) },
    { operation: 'decrypt', callers: 64, keyward: side(6_000, 20), peer: side(1_500, 50) },
  ];
};
const cold = (slowdown: number) =>
  [
    { api: 'v2', keyward: 5 * slowdown, peer: 4 * slowdown },
    { api: 'v1', keyward: 20 * slowdown, peer: 25 * slowdown },
  ] as const;
const others = {
  requests: { keyward: { encrypt: 0.05, decrypt: 0.04 }, peer: { encrypt: 2, decrypt: 1 } },
  rssMiB: { keyward: 90, peer: 25 },
  peerName: '/opt/peer',
};
const report = (slowdowns: readonly number[]) =>
  kmsPluginReport({ ...others, paces: slowdowns.flatMap(round), coldStarts: slowdowns.flatMap(cold) });
const { result, table } = report([1, 2, 4]);

describe('npm run bench -- kms-plugin', () => {
  test('takes a peer, which the others refuse', () => {
    const names = ['kms', 'kms-plugin'];
    const argv = ['kms-plugin', '--rounds', '3', '--peer', './vault-kubernetes-kms'];
    expect(readCommandLine(argv, names)).toMatchObject({ rounds: 3, peer: './vault-kubernetes-kms' });
    expect(readCommandLine(['kms-plugin'], names)).not.toHaveProperty('peer');
    const error = { name: 'TypeError', message: expect.stringMatching(/--peer: only kms-plugin/) };
    expect(() => readCommandLine(['kms', '--peer', 'x'], names)).toThrow(expect.objectContaining(error));
  });

  test('counts the worse of Encrypt and Decrypt in each ratio', () => {
    expect(result.ratios).toEqual({
      throughput_vs_peer_64: 4,
      p99_vs_peer_64: 0.4,
      throughput_vs_peer_1: 0.9,
      cold_start_vs_peer: 1.25,
      cold_start_v1_vs_peer: 0.8,
    });
  });

  test('compares the ratios within each round, whatever the load of the machine was in it', () => {
    expect(report([1, 50, 3]).result.ratios).toEqual(result.ratios);
  });

  test('has both operations, both sides, requests, memory and cold starts as figures', () => {
    const { figures } = JSON.parse(jsonLine(result));
    expect(figures).toMatchObject({
      encrypt_64_per_second: 3_000,
      peer_encrypt_64_per_second: 500,
      decrypt_1_per_second: 225,
      peer_decrypt_1_p99_ms: 8,
      decrypt_64_p50_ms: 4,
      encrypt_requests_per_call: 0.05,
      peer_encrypt_requests_per_call: 2,
      rss_mib: 90,
      peer_rss_mib: 25,
      cold_start_seconds: 10,
      peer_cold_start_v1_seconds: 50,
    });
    expect(Object.keys(figures)).toHaveLength(2 * 2 * 2 * 3 + 4 + 2 + 4);
  });

  test('judges by goals of both directions', () => {
    const verdicts = Object.fromEntries(
      goalLines(result, kmsPluginBench.goals).map((line) => line.split(/\s+/).slice(0, 2).reverse()),
    );
    expect(verdicts).toEqual({
      throughput_vs_peer_64: 'met',
      p99_vs_peer_64: 'met',
      throughput_vs_peer_1: 'MISSED',
      cold_start_vs_peer: 'MISSED',
    });
    expect(goalLines({ ...result, ratios: {} }, kmsPluginBench.goals).join('\n')).not.toContain('met ');
  });

  test('shows for people who the peer is, and what each side did', () => {
    const text = table.join('\n');
    expect(text).toMatch(/^encrypt: keyward +64 +3000 +1500 +6000 +4\.0 ms +40\.0 ms +0\.06 ms +6\.00$/m);
    expect(text).toMatch(/^decrypt: peer +1 +250 +125 +500 +0\.8 ms +8\.0 ms +0\.06 ms$/m);
    expect(text).toMatch(/keyward encrypt 0\.050, decrypt 0\.040; peer encrypt 2\.000, decrypt 1\.000/);
    expect(text).toContain('The peer is /opt/peer.');
  });
});
