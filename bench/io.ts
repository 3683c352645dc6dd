/**
 * Benchmark `io`: sequential and random I/O through the mapping of a volume as ceph-csi makes it, as keyward makes it, with
 * and without the work queues of dm-crypt, and on the raw device. The work itself is in io-inside.ts. In the guest, with one
 * CPU and generic AES, noise hides what the sides differ by: measure on a node, with a device like the volumes'.
 */
import { bundle } from '../tools/bundle';
import { ensureTools } from '../tools/ensure';
import type { Benchmark } from './benchmark';
import { type IoSamples, type IoSide, type IoWorkload, ioSides, ioWorkloads } from './io-sides';
import { ratesTable } from './report';
import { benchProgram, findKernel, runOnKernel } from './run-on-kernel';
import { median } from './statistics';

const program = benchProgram('io-inside');
const mebibyte = 1024 * 1024;

export const ioBench: Benchmark = {
  about: "I/O through the mapping, beside ceph-csi's defaults and the raw device",
  defaultRounds: 5,
  goals: ioWorkloads.map((workload) => ({ name: ratioName(workload, 'ceph_csi'), atLeast: 0.95 })),
  measure: async (rounds, progress, { device }) => {
    await ensureTools(['fio']);
    bundle('bench/io-inside.ts', program);
    const kernel = await findKernel(progress);
    if (device !== undefined && kernel.mode !== 'native') {
      throw new Error('--device needs root and a kernel with dm-crypt: the guest has no devices of this machine.');
    }
    const command = [process.execPath, program, `${rounds}`, ...(device === undefined ? [] : [device])];
    const samples: IoSamples = await runOnKernel(kernel, command, progress);
    const rate = (workload: IoWorkload, side: IoSide) => median(samples[`${workload}: ${side}`] ?? []) / mebibyte;
    const ratios = ioWorkloads.flatMap((workload) => [
      [ratioName(workload, 'ceph_csi'), rate(workload, 'keyward') / rate(workload, 'ceph-csi')],
      [ratioName(workload, 'raw'), rate(workload, 'keyward') / rate(workload, 'raw device')],
    ]);
    const figures = ioWorkloads.flatMap((workload) =>
      ioSides.map((side) => [`${word(side)}_${word(workload)}_mib_per_second`, rate(workload, side)]),
    );
    return {
      result: { bench: 'io', ratios: Object.fromEntries(ratios), figures: Object.fromEntries(figures) },
      table: [...ratesTable(samples), `${rounds} rounds on ${device ?? 'a loop device over memory'}, ${kernel.name}`],
    };
  },
};

function ratioName(workload: IoWorkload, peer: string): string {
  return `${word(workload)}_vs_${peer}`;
}

/** `keyward, no queues` → `keyward_no_queues`. */
function word(text: string): string {
  return text.replaceAll(/[^a-z]+/g, '_');
}
