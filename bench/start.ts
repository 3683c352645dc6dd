/**
 * Benchmark `start`: how soon the bundle answers after it was started, and how much memory it keeps. It is started with
 * everything that the DaemonSet asks of it: both sockets, registration, health. No root, no kernel feature, no KMS needed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeKmsConfig, settleKms } from '../lib/schema/kms';
import { encodeRuntimeConfig, settleRuntimeConfig } from '../lib/schema/runtime-config';
import { bundleRuntime, runtimeBundle } from '../tools/bundle';
import { csiClient } from '../tools/csi-client/csi-client';
import { freePort } from '../tools/local-pod/free-port';
import type { Benchmark } from './benchmark';
import { acceptsConnections, residentMiB } from './process-probes';
import { samplesTable } from './report';
import { median } from './statistics';

const pollMs = 3;
const startTimeoutMs = 30_000;
/** After the calls, so that what they allocated has come to rest. */
const idleMs = 1_000;
const mebibyte = 1024 * 1024;

export const startBench: Benchmark = {
  about: 'time until the driver answers Probe, and its memory when idle',
  defaultRounds: 12,
  goals: [
    { name: 'ready_seconds', atMost: 0.3 },
    { name: 'rss_mib', atMost: 80 },
  ],
  measure: async (rounds, progress) => {
    bundleRuntime();
    const ready: number[] = [];
    const emptyNode: number[] = [];
    const rss: number[] = [];
    // The first start reads the files from the disk and does not count.
    for (let round = 0; round <= rounds; round += 1) {
      progress(round === 0 ? 'warming up' : `round ${round} of ${rounds}`);
      const floor = await timeEmptyNode();
      const driver = await timeDriver();
      if (round === 0) continue;
      emptyNode.push(floor);
      ready.push(driver.readySeconds);
      rss.push(driver.rssMiB);
    }
    const figures = {
      ready_seconds: median(ready),
      rss_mib: median(rss),
      empty_node_seconds: median(emptyNode),
    };
    const table = [
      ...samplesTable({ 'driver answers Probe': ready, 'floor: node -e 0': emptyNode }),
      `memory of the idle driver ${figures.rss_mib.toFixed(1)} MiB; bundle ${(statSync(runtimeBundle).size / mebibyte).toFixed(2)} MiB; Node.js ${process.version}`,
    ];
    return {
      result: {
        bench: 'start',
        ratios: { ready_vs_empty_node: figures.ready_seconds / figures.empty_node_seconds },
        figures,
      },
      table,
    };
  },
};

async function timeEmptyNode(): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
  await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  return secondsSince(startedAt);
}

async function timeDriver(): Promise<{ readonly readySeconds: number; readonly rssMiB: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-bench-'));
  const socket = join(folder, 'csi.sock');
  const args = await driverArguments(folder, socket);
  const startedAt = performance.now();
  const child = spawn(process.execPath, [runtimeBundle, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const client = csiClient({ socket, addonsSocket: join(folder, 'addons.sock') });
  try {
    await listening(child, socket);
    await client.identity.probe({});
    const readySeconds = secondsSince(startedAt);
    await client.identity.getPluginInfo({});
    await client.controller.getCapacity({});
    await client.controller.listVolumes({});
    await client.node.nodeGetInfo({});
    await client.addonsIdentity.getIdentity({});
    await sleep(idleMs);
    return { readySeconds, rssMiB: residentMiB(child.pid) };
  } finally {
    client.close();
    await stop(child);
    rmSync(folder, { recursive: true });
  }
}

async function driverArguments(folder: string, socket: string): Promise<string[]> {
  const config = settleRuntimeConfig({ backend: { type: 'loop', directory: join(folder, 'volumes') } });
  const kms = new Map([['bench', settleKms('bench', { type: 'metadata' })]]);
  writeFileSync(join(folder, 'config.json'), encodeRuntimeConfig(config));
  writeFileSync(join(folder, 'kms.json'), encodeKmsConfig(kms));
  mkdirSync(join(folder, 'registration'));
  return [
    ...['csi', '--node-id=bench', `--endpoint=unix://${socket}`, `--csi-addons-endpoint=unix://${folder}/addons.sock`],
    ...[`--config=${folder}/config.json`, `--kms-config=${folder}/kms.json`, `--secrets-dir=${folder}/secrets`],
    ...[`--state-dir=${folder}/state`, `--kubelet-registration-dir=${folder}/registration`],
    `--health-port=${await freePort()}`,
  ];
}

/** Until somebody listens on the socket. A gRPC client would wait a second between two tries. */
async function listening(child: ChildProcess, socket: string): Promise<void> {
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const until = performance.now() + startTimeoutMs;
  while (!(await acceptsConnections(socket))) {
    if (child.exitCode !== null || performance.now() > until) throw new Error(`The driver did not start: ${errors}`);
    await sleep(pollMs);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  await closed;
}

function secondsSince(startedAt: number): number {
  return (performance.now() - startedAt) / 1000;
}
