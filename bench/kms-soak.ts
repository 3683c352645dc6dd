/**
 * The soak of `keyward kms-plugin`: full load of Encrypt, Decrypt and Status, v1 and v2, while one fault after the other
 * is made and mended. Tells what went wrong, if anything, and how fast it recovered.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type OpenBao, startOpenBao } from '../test/harness/openbao';
import { requireTool } from '../tools/ensure';
import { type LoadSummary, loadArguments } from './kms-load';
import { type Fault, soakFaults } from './kms-soak-faults';
import { type MemorySample, type SoakPlugin, startSoakPlugin } from './kms-soak-plugin';
import { type FaultRecord, type SoakResult, soakResult } from './kms-soak-result';

export interface SoakOptions {
  /** The bundle. */
  readonly executable: string;
  readonly durationMs: number;
  readonly callers: number;
  readonly progress: (line: string) => void;
}

const intervalMs = 500;
/** Before the first fault and the first look at the memory: compiled code and connections are no leak. */
const warmupMs = 10_000;
const calmMs = 1_000;
const recoveryTimeoutMs = 30_000;

/** @throws Error when a part does not start, or the plugin ends. ToolError TOOL_NOT_PREPARED */
export async function soak({ executable, durationMs, callers, progress }: SoakOptions): Promise<SoakResult> {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-soak-'));
  const bao = await startOpenBao({ storage: 'file' });
  let plugin: SoakPlugin | undefined;
  try {
    const socket = join(folder, 'kms.sock');
    plugin = await startSoakPlugin(executable, socket, await prepare(bao, folder, socket));
    const load = startLoad(socket, callers, durationMs + 10 * 60_000);
    const faults = soakFaults(bao, socket);
    const records: FaultRecord[] = [];
    const memory: MemorySample[] = [];
    const until = Date.now() + warmupMs + durationMs;
    await sleep(warmupMs);
    const before = load.take();
    for (let turn = 0; Date.now() < until; turn += 1) {
      memory.push(await plugin.memory());
      const record = await makeFault(faults[turn % faults.length] as Fault, load);
      records.push(record);
      progress(`${record.name}: ${describe(record)}`);
      if (plugin.hasEnded()) throw new Error(`The plugin ended during: ${record.name}`);
      await sleep(calmMs);
    }
    memory.push(await plugin.memory());
    const total = await load.stop();
    return soakResult({ records, memory, total, calmErrors: before.errors });
  } finally {
    await plugin?.stop();
    await bao.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns flags of the plugin */
async function prepare(bao: OpenBao, folder: string, socket: string): Promise<string[]> {
  const policy = ['encrypt', 'decrypt', 'keys'].map(
    (verb) => `path "transit/${verb}/kms" { capabilities = ["read", "update"] }`,
  );
  await bao.expectOk('POST', 'sys/mounts/transit', { type: 'transit' });
  await bao.expectOk('POST', 'transit/keys/kms', {});
  await bao.expectOk('PUT', 'sys/policies/acl/kms', { policy: policy.join('\n') });
  await bao.expectOk('POST', 'sys/auth/approle', { type: 'approle' });
  await bao.expectOk('POST', 'auth/approle/role/kms', { token_policies: 'kms', token_ttl: '1h' });
  const role = await bao.expectOk('GET', 'auth/approle/role/kms/role-id');
  const secret = await bao.expectOk('POST', 'auth/approle/role/kms/secret-id');
  const secretIdFile = join(folder, 'secret-id');
  writeFileSync(secretIdFile, secret.body.data.secret_id, { mode: 0o600 });
  return [
    ...[`--vault-address=${bao.address}`, `--socket=unix://${socket}`, '--health-port=0', '--poll-seconds=5'],
    ...['--auth-method=approle', `--approle-role-id=${role.body.data.role_id}`],
    `--approle-secret-id-file=${secretIdFile}`,
  ];
}

interface Load {
  /** What was seen since the last call of this. */
  take(): LoadSummary;
  /** Resolves with the next interval. */
  next(): Promise<LoadSummary>;
  /** Ends it, and tells the whole. */
  stop(): Promise<LoadSummary>;
}

function startLoad(socket: string, callers: number, durationMs: number): Load {
  const options = { socket, callers, operation: 'mixed', warmupMs: 0, durationMs } as const;
  const child = spawn(requireTool('kms-load'), [...loadArguments(options), `-interval=${intervalMs}ms`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const seen: LoadSummary[] = [];
  let last: LoadSummary | undefined;
  let waiting: ((line: LoadSummary) => void)[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    last = JSON.parse(line) as LoadSummary;
    seen.push(last);
    for (const resolve of waiting) resolve(last);
    waiting = [];
  });
  const next = () =>
    Promise.race([
      new Promise<LoadSummary>((resolve) => waiting.push(resolve)),
      ended.then(() => {
        throw new Error('The load generator ended early.');
      }),
    ]);
  return {
    next,
    take: () => sumOf(seen.splice(0)),
    stop: async () => {
      child.kill('SIGINT');
      await ended;
      if (!last) throw new Error('The load generator told nothing.');
      return last;
    },
  };
}

async function makeFault(fault: Fault, load: Load): Promise<FaultRecord> {
  load.take();
  await fault.begin();
  await sleep(fault.lastsMs);
  await fault.end();
  const mendedAt = Date.now();
  const recoveryMs = await recovered(load, mendedAt);
  const { errors, wrong, calls, examples = {} } = load.take();
  return { name: fault.name, allowed: fault.allowed, errors, examples, wrong, calls, recoveryMs };
}

/** Until a whole interval had calls and no error. @returns undefined: it did not recover */
async function recovered(load: Load, mendedAt: number): Promise<number | undefined> {
  // The interval that runs now has seen a part of the fault.
  await load.next();
  while (Date.now() - mendedAt < recoveryTimeoutMs) {
    const { calls, errors } = await load.next();
    const beganAt = Date.now() - intervalMs;
    if (calls > 0 && Object.keys(errors).length === 0) return Math.max(0, beganAt - mendedAt);
  }
  return undefined;
}

function sumOf(lines: readonly LoadSummary[]): LoadSummary {
  const errors: Record<string, number> = {};
  for (const line of lines)
    for (const [kind, count] of Object.entries(line.errors)) errors[kind] = (errors[kind] ?? 0) + count;
  const sum = (read: (line: LoadSummary) => number) => lines.reduce((total, line) => total + read(line), 0);
  const seconds = sum((line) => line.seconds);
  return {
    errors,
    examples: Object.assign({}, ...lines.map(({ examples }) => examples)),
    calls: sum(({ calls }) => calls),
    wrong: sum(({ wrong }) => wrong),
    seconds,
    perSecond: seconds === 0 ? 0 : sum((line) => line.perSecond * line.seconds) / seconds,
    p50Ms: Math.max(0, ...lines.map(({ p50Ms }) => p50Ms)),
    p99Ms: Math.max(0, ...lines.map(({ p99Ms }) => p99Ms)),
    cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
  };
}

function describe({ errors, recoveryMs }: FaultRecord): string {
  const kinds = Object.entries(errors).map(([kind, count]) => `${count} × ${kind}`);
  const back = recoveryMs === undefined ? 'did not recover' : `recovered after ${(recoveryMs / 1_000).toFixed(1)} s`;
  return `${kinds.join(', ') || 'no error'}; ${back}`;
}
