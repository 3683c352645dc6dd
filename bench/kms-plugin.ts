/**
 * Benchmark `kms-plugin`: `keyward kms-plugin` beside vault-kubernetes-kms, or beside the baseline with the same requests
 * to Vault (tools/go/kms-baseline). Both are processes on the same OpenBao with TLS, called over their sockets by the same
 * load generator, in turn.
 */
import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { bundleRuntime } from '../tools/bundle';
import { ensureTools } from '../tools/ensure';
import type { Benchmark, BenchOptions } from './benchmark';
import { runLoad } from './kms-load';
import { measureColdStarts } from './kms-plugin-cold-start';
import { keywardCommand, type PluginCommand, type PluginProcess, startPlugin } from './kms-plugin-process';
import {
  callerCounts,
  kmsPluginReport,
  manyCallers,
  operations,
  type Pace,
  type Requests,
  type Sample,
  type Sides,
} from './kms-plugin-report';
import { startTransitServer } from './kms-plugin-server';

const warmupMs = 300;
/** Short and in the order A B B A, so that a load that comes or goes meanwhile counts for both. */
const sliceMs = 1_000;
const countedMs = 1_500;
/** One takes up to a minute. */
const maxColdRounds = 3;

type Progress = (line: string) => void;

export const kmsPluginBench: Benchmark = {
  about: 'KMS plugin of Kubernetes, beside vault-kubernetes-kms (--peer PATH) or its requests',
  defaultRounds: 5,
  goals: [
    { name: 'throughput_vs_peer_64', atLeast: 3 },
    { name: 'p99_vs_peer_64', atMost: 0.5 },
    { name: 'throughput_vs_peer_1', atLeast: 1 },
    { name: 'cold_start_vs_peer', atMost: 1 },
  ],
  measure: async (rounds, progress, options) => {
    bundleRuntime();
    const tools = await ensureTools(['openbao', 'openssl', 'etcd', 'kube-apiserver', 'kms-load', 'kms-baseline'], {
      onProgress: ({ subject, phase, detail }) => progress(`${phase} ${subject}: ${detail}`),
    });
    const commands = { keyward: keywardCommand, peer: peerCommand(options, tools['kms-baseline']) };
    progress('counting requests');
    const requests = await countRequests(commands);
    const { paces, rssMiB } = await measurePaces(commands, rounds, progress);
    const coldStarts = await measureColdStarts(commands, Math.min(rounds, maxColdRounds), progress);
    const peerName = options.peer === undefined ? 'the baseline tools/go/kms-baseline' : options.peer;
    return kmsPluginReport({ paces, requests, rssMiB, coldStarts, peerName });
  },
};

/** @throws TypeError when it cannot be run. */
function peerCommand({ peer }: BenchOptions, baseline: string): PluginCommand {
  const command = peer === undefined ? baseline : resolve(peer);
  try {
    accessSync(command, constants.X_OK);
  } catch {
    throw new TypeError(`--peer ${peer}: give the path of an executable with the flags of vault-kubernetes-kms.`);
  }
  return { name: 'peer', command, args: [] };
}

/** At the audit log of a server of its own, since the log would slow down the one that is measured. */
async function countRequests(commands: Sides<PluginCommand>): Promise<Requests> {
  const server = await startTransitServer(true);
  try {
    const count = async (side: keyof Sides<unknown>) => {
      const plugin = await startPlugin(commands[side], server);
      try {
        const perCall = async (operation: 'encrypt' | 'decrypt') => {
          const load = { socket: plugin.socket, callers: manyCallers, operation, warmupMs: 0, durationMs: countedMs };
          const before = server.auditedRequests();
          const { calls } = await runLoad(load);
          return (server.auditedRequests() - before) / calls;
        };
        return { encrypt: await perCall('encrypt'), decrypt: await perCall('decrypt') };
      } finally {
        await plugin.stop();
      }
    };
    return { keyward: await count('keyward'), peer: await count('peer') };
  } finally {
    await server.stop();
  }
}

async function measurePaces(commands: Sides<PluginCommand>, rounds: number, progress: Progress) {
  const server = await startTransitServer(false);
  const started: PluginProcess[] = [];
  const start = async (command: PluginCommand) => {
    const plugin = await startPlugin(command, server);
    started.push(plugin);
    return plugin;
  };
  try {
    const plugins = { keyward: await start(commands.keyward), peer: await start(commands.peer) };
    const paces: Pace[] = [];
    // The first round compiles and connects, and does not count.
    for (let round = 0; round <= rounds; round += 1) {
      progress(round === 0 ? 'warming up' : `round ${round} of ${rounds}`);
      for (const operation of operations) {
        for (const callers of callerCounts) {
          const pair = await inTurn(plugins, callers, operation);
          if (round > 0) paces.push({ operation, callers, ...pair });
        }
      }
    }
    return { paces, rssMiB: { keyward: plugins.keyward.rssMiB(), peer: plugins.peer.rssMiB() } };
  } finally {
    for (const plugin of started) await plugin.stop();
    await server.stop();
  }
}

async function inTurn(
  plugins: Sides<PluginProcess>,
  callers: number,
  operation: 'encrypt' | 'decrypt',
): Promise<Sides<Sample>> {
  const slices: Record<keyof Sides<unknown>, Sample[]> = { keyward: [], peer: [] };
  for (const side of ['keyward', 'peer', 'peer', 'keyward'] as const) {
    const { socket } = plugins[side];
    const { perSecond, p50Ms, p99Ms, calls, cpuSeconds } = await runLoad({
      ...{ socket, callers, operation, warmupMs, durationMs: sliceMs },
    });
    slices[side].push({ perSecond, p50Ms, p99Ms, loadCpuMs: (cpuSeconds * 1_000) / calls });
  }
  return { keyward: meanOf(slices.keyward), peer: meanOf(slices.peer) };
}

function meanOf(samples: readonly Sample[]): Sample {
  const mean = (read: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + read(sample), 0) / samples.length;
  return {
    perSecond: mean(({ perSecond }) => perSecond),
    p50Ms: mean(({ p50Ms }) => p50Ms),
    p99Ms: mean(({ p99Ms }) => p99Ms),
    loadCpuMs: mean(({ loadCpuMs }) => loadCpuMs),
  };
}
