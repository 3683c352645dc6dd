/**
 * Benchmark `luks`: the first stage of a volume beside ceph-csi's, and the next one beside the least that opening a mapping
 * can cost. The work itself is in luks-inside.ts, which runs natively where this is root and the kernel has dm-crypt, else
 * in the guest. There processes start slowly, so the times are not those of a node; the ratios are what to compare.
 */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { bundle } from '../tools/bundle';
import { prepareGuest } from '../tools/guest/host-support';
import { runInGuest } from '../tools/guest/run-in-guest';
import type { Benchmark } from './benchmark';
import { samplesTable } from './report';
import { median } from './statistics';

const root = join(__dirname, '..');
const program = join(root, 'dist/bench/luks-inside.cjs');
const timeoutMs = 30 * 60_000;

type Samples = Readonly<Record<string, readonly number[]>>;
type Progress = (line: string) => void;

export const luksBench: Benchmark = {
  about: "first stage of a volume beside ceph-csi's, and restage beside opening with the volume key",
  defaultRounds: 5,
  goals: [
    { name: 'first_stage_vs_ceph_csi', atMost: 0.1 },
    { name: 'restage_vs_floor', atMost: 1.2 },
  ],
  measure: async (rounds, progress) => {
    bundle('bench/luks-inside.ts', program);
    const support = await prepareGuest({
      onProgress: ({ subject, phase, detail }) => progress(`${phase} ${subject}: ${detail}`),
    });
    if (support.mode === 'none') throw new Error(`Missing: ${support.missing.join(', ')}. ${support.remedy}`);
    const command = [process.execPath, program, `${rounds}`];
    const samples = await (support.mode === 'native'
      ? measureNatively(command, progress)
      : measureInGuest(command, progress));
    const of = (phase: string) => median(samples[phase] ?? []);
    const figures = {
      ceph_csi_first_stage_seconds: of('ceph-csi: first stage'),
      first_stage_seconds: of('keyward: first stage'),
      floor_open_seconds: of('floor: open with the volume key'),
      restage_seconds: of('keyward: restage'),
    };
    const ratios = {
      first_stage_vs_ceph_csi: figures.first_stage_seconds / figures.ceph_csi_first_stage_seconds,
      restage_vs_floor: figures.restage_seconds / figures.floor_open_seconds,
    };
    const where = support.mode === 'native' ? 'this kernel' : 'a User Mode Linux guest';
    return {
      result: { bench: 'luks', ratios, figures },
      table: [...samplesTable(samples), `${rounds} rounds in ${where}`],
    };
  },
};

async function measureInGuest(command: readonly string[], progress: Progress): Promise<Samples> {
  const stdout: Buffer[] = [];
  const result = await runInGuest({
    command,
    cwd: root,
    env: { PATH: process.env.PATH },
    expose: [dirname(process.execPath)],
    timeoutMs,
    onStdout: (chunk) => stdout.push(chunk),
    onStderr: (chunk) => progress(chunk.toString().trimEnd()),
  });
  if (result.timedOut) throw new Error(`The guest was killed after ${timeoutMs / 60_000} min.`);
  if (result.exitCode !== 0)
    throw new Error(`The measurement failed in the guest. Its console ends:\n${result.console}`);
  return parse(stdout);
}

async function measureNatively([file = '', ...args]: readonly string[], progress: Progress): Promise<Samples> {
  const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
  const stdout: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => progress(chunk.toString().trimEnd()));
  const exitCode = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  if (exitCode !== 0) throw new Error(`The measurement failed with exit code ${exitCode}.`);
  return parse(stdout);
}

function parse(stdout: readonly Buffer[]): Samples {
  return JSON.parse(Buffer.concat(stdout).toString()) as Samples;
}
