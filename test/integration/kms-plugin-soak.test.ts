/** The KMS plugin under full load and faults for a minute, and under more calls than it takes. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { soak } from '../../bench/kms-soak';
import { startSoakPlugin } from '../../bench/kms-soak-plugin';
import { KeyManagementService } from '../../runtime/grpc/gen/kms_v2_pb';
import { bundle } from '../../tools/bundle';
import { type UnaryClient, unaryClient } from '../../tools/csi-client/unary-client';
import { describeWith } from '../harness/describe-with';
import { type OpenBao, startOpenBao } from '../harness/openbao';
import { stallingRelay } from '../harness/stalling-relay';
import { eventually, makeKey, makeToken } from './kms-plugin-fixture';

jest.setTimeout(400_000);

const folder = mkdtempSync(join(tmpdir(), 'keyward-soak-test-'));
const executable = join(folder, 'keyward.cjs');
beforeAll(() => bundle('runtime/bin/keyward.ts', executable));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describeWith(['openbao', 'kms-load'], 'the KMS plugin under full load', () => {
  test('gives no wrong plaintext, no untyped error and no leak through every fault, and recovers from each', async () => {
    const { findings, figures } = await soak({
      executable,
      durationMs: 60_000,
      callers: 64,
      progress: () => undefined,
    });
    expect(findings).toEqual([]);
    // Each kind of fault was there, and the load was one.
    expect(figures.faults).toBeGreaterThanOrEqual(8);
    expect(figures.calls).toBeGreaterThan(5_000);
    expect(figures.calls_failed).toBeGreaterThan(0);
  });
});

describeWith(['openbao'], 'the KMS plugin with more calls than it takes', () => {
  let bao: OpenBao;
  beforeAll(async () => {
    bao = await startOpenBao({ storage: 'file' });
    await makeKey(bao, 'kms');
  });
  afterAll(() => bao?.stop());

  test('refuses what is beyond its queue while Vault hangs, answers all 10,000, and keeps its memory bounded', async () => {
    const socket = join(folder, 'flood.sock');
    const relay = await stallingRelay(bao.address);
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, await makeToken(bao, 'kms'), { mode: 0o600 });
    const plugin = await startSoakPlugin(executable, socket, [
      ...[`--vault-address=${relay.address}`, `--socket=unix://${socket}`, '--health-port=0'],
      // Fewer than the default, so that a slow machine fills the queue as well.
      ...[`--token-file=${tokenFile}`, '--max-waiting-calls=1000'],
    ]);
    const channels = Array.from(
      { length: 4 },
      // A connection each: one may carry 4,096 calls.
      () => new Client(`unix:${socket}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 }),
    );
    try {
      const clients = channels.map((channel) => unaryClient(KeyManagementService, channel, { timeoutMs: 60_000 }));
      const [client] = clients as [UnaryClient<typeof KeyManagementService>];
      const plaintext = randomBytes(32);
      await eventually(() => client.encrypt({ plaintext }), 60_000);
      const before = await plugin.memory();
      relay.stall();
      const calls = Array.from({ length: 10_000 }, (_, index) =>
        (clients[index % clients.length] ?? client).encrypt({ plaintext }),
      );
      const outcomes = await Promise.allSettled(calls);
      relay.resume();
      const codes = outcomes.map((each) =>
        each.status === 'fulfilled' ? 'OK' : String(each.reason.code ?? each.reason.status),
      );
      expect(codes).toEqual(expect.arrayContaining(['KMS_QUEUE_FULL', 'KMS_TIMEOUT']));
      // The last one is for a request that this client, with so many at once, did not send within ten seconds.
      const allowed = ['OK', 'KMS_QUEUE_FULL', 'KMS_TIMEOUT', 'DEADLINE_EXCEEDED'];
      expect(codes.filter((code) => !allowed.includes(code))).toEqual([]);
      expect(plugin.hasEnded()).toBe(false);
      await eventually(() => client.encrypt({ plaintext }), 60_000);
      await sleep(1_000);
      const after = await plugin.memory();
      expect(after.heapMiB - before.heapMiB).toBeLessThan(20);
      expect(after.rssMiB).toBeLessThan(400);
    } finally {
      for (const channel of channels) channel.close();
      await plugin.stop();
      await relay.close();
    }
  });
});
