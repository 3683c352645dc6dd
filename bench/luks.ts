/**
 * Benchmark `luks`: the first stage of a volume beside ceph-csi's, and the next one beside the least that opening a mapping
 * can cost. The work itself is in luks-inside.ts, which runs natively where this is root and the kernel has dm-crypt, else
 * in the guest. There processes start slowly, so the times are not those of a node; the ratios are what to compare.
 */
import { bundle } from '../tools/bundle';
import type { Benchmark } from './benchmark';
import { samplesTable } from './report';
import { benchProgram, findKernel, runOnKernel } from './run-on-kernel';
import { median } from './statistics';

const program = benchProgram('luks-inside');

type Samples = Readonly<Record<string, readonly number[]>>;

export const luksBench: Benchmark = {
  about: "first stage of a volume beside ceph-csi's, and restage beside opening with the volume key",
  defaultRounds: 5,
  goals: [
    { name: 'first_stage_vs_ceph_csi', atMost: 0.1 },
    { name: 'restage_vs_floor', atMost: 1.2 },
  ],
  measure: async (rounds, progress) => {
    bundle('bench/luks-inside.ts', program);
    const kernel = await findKernel(progress);
    const samples: Samples = await runOnKernel(kernel, [process.execPath, program, `${rounds}`], progress);
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
    return {
      result: { bench: 'luks', ratios, figures },
      table: [...samplesTable(samples), `${rounds} rounds in ${kernel.name}`],
    };
  },
};
