/**
 * Benchmark `stage`: the first stage of a volume in Ceph and the next ones, by the running driver, beside the commands that
 * ceph-csi runs for the same, and beside the fewest that can do it. The work itself is in stage-inside.ts, over a Ceph with
 * one OSD in memory. What ceph-csi does in its own process, as reading its journal and fetching the key, is not in its time;
 * in ours it is.
 */
import { join } from 'node:path';
import { bundle, bundleRuntime } from '../tools/bundle';
import { ensureTools } from '../tools/ensure';
import type { Benchmark } from './benchmark';
import { samplesTable } from './report';
import { benchProgram, findKernel, runOnKernel } from './run-on-kernel';
import { median } from './statistics';

type Samples = Readonly<Record<string, readonly number[]>>;

export const stageBench: Benchmark = {
  about: "first stage and restage of a volume in Ceph, beside ceph-csi's commands and the fewest that can do it",
  defaultRounds: 5,
  goals: [
    { name: 'first_stage_vs_ceph_csi', atMost: 0.1 },
    { name: 'restage_vs_ceph_csi', atMost: 0.15 },
    { name: 'restage_vs_floor', atMost: 1.2 },
  ],
  measure: async (rounds, progress) => {
    await ensureTools(['ceph-mon', 'ceph-osd', 'ceph', 'openbao']);
    bundleRuntime();
    bundle('bench/stage-commands.ts', benchProgram('stage-commands'));
    const kernel = await findKernel(progress);
    const command = [process.execPath, '--import', 'tsx', join(__dirname, 'stage-inside.ts'), `${rounds}`];
    const samples: Samples = await runOnKernel(kernel, command, progress);
    const of = (phase: string) => median(samples[phase] ?? []);
    const figures = {
      first_stage_seconds: of('keyward: first stage'),
      ceph_csi_first_stage_seconds: of('ceph-csi: first stage'),
      floor_first_stage_seconds: of('floor: first stage'),
      restage_seconds: of('keyward: restage'),
      ceph_csi_restage_seconds: of('ceph-csi: restage'),
      floor_restage_seconds: of('floor: restage'),
    };
    const ratios = {
      first_stage_vs_ceph_csi: figures.first_stage_seconds / figures.ceph_csi_first_stage_seconds,
      first_stage_vs_floor: figures.first_stage_seconds / figures.floor_first_stage_seconds,
      restage_vs_ceph_csi: figures.restage_seconds / figures.ceph_csi_restage_seconds,
      restage_vs_floor: figures.restage_seconds / figures.floor_restage_seconds,
    };
    return {
      result: { bench: 'stage', ratios, figures },
      table: [...samplesTable(samples), `${rounds} rounds in ${kernel.name}`],
    };
  },
};
