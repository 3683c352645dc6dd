/**
 * Benchmark `rotate`: passphrases of volumes rotated by keyward's own operation, beside the commands that ceph-csi runs for
 * the same, on plain files of one folder, with the keys in one real OpenBao. It is work on headers, so no mapping is needed.
 * A third side runs ceph-csi's commands with the cost of our keyslots: it tells what the number of calls is worth alone.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { defaultLuks } from '../lib/schema/luks-parameters';
import { derivation } from '../runtime/luks/format-args';
import type { VolumeDeps } from '../runtime/volume/context';
import { rotatePassphrase } from '../runtime/volume/rotate';
import { startOpenBao } from '../test/harness/openbao';
import { RotationBench } from '../test/harness/rotation-bench';
import { vaultKms } from '../test/harness/rotation-vaults';
import { ensureTools } from '../tools/ensure';
import type { Benchmark } from './benchmark';
import { samplesTable } from './report';
import { CephCsiRotation } from './rotate-ceph-csi';
import { median } from './statistics';

/** Ours are short, so chance weighs more. */
const perRound = 4;
const sides = {
  keyward: 'keyward',
  cephCsi: 'ceph-csi',
  cheap: 'ceph-csi, with our keyslots',
} as const;

export const rotateBench: Benchmark = {
  about: "rotation of a volume's passphrase, its KMS included, beside the commands of ceph-csi",
  defaultRounds: 5,
  goals: [{ name: 'rotations_vs_ceph_csi', atLeast: 5 }],
  measure: async (rounds, progress) => {
    await ensureTools(['openbao']);
    const samples = await measure(rounds, progress);
    const perMinute = (side: string) => 60 / median(samples[side] ?? []);
    const figures = {
      rotations_per_minute: perMinute(sides.keyward),
      ceph_csi_rotations_per_minute: perMinute(sides.cephCsi),
      ceph_csi_with_our_keyslots_rotations_per_minute: perMinute(sides.cheap),
    };
    const ratios = {
      rotations_vs_ceph_csi: figures.rotations_per_minute / figures.ceph_csi_rotations_per_minute,
      rotations_vs_ceph_csi_with_our_keyslots:
        figures.rotations_per_minute / figures.ceph_csi_with_our_keyslots_rotations_per_minute,
    };
    return {
      result: { bench: 'rotate', ratios, figures },
      table: [...samplesTable(samples), `${rounds} rounds, ${perRound} of keyward's rotations in each`],
    };
  },
};

async function measure(rounds: number, progress: (line: string) => void): Promise<Record<string, number[]>> {
  const bao = await startOpenBao();
  const bench = new RotationBench();
  const samples: Record<string, number[]> = Object.fromEntries(Object.values(sides).map((side) => [side, []]));
  let deps: VolumeDeps | undefined;
  try {
    await bench.start(await vaultKms(bao, bench.folder));
    deps = await bench.parts();
    const ours = await bench.volume('vault');
    const theirs = (name: string, cost: { readonly derivation?: readonly string[] } = {}) => {
      const folder = join(bench.folder, name);
      mkdirSync(folder);
      return CephCsiRotation.of({ folder, bao, ...cost });
    };
    const [cephCsi, cheap] = [await theirs('theirs'), await theirs('cheap', { derivation: derivation(defaultLuks) })];
    const call = { secrets: new Map() };
    const turns = [
      { side: sides.keyward, count: perRound, rotate: () => rotatePassphrase(deps as VolumeDeps, ours, call) },
      { side: sides.cephCsi, count: 1, rotate: () => cephCsi.rotate() },
      { side: sides.cheap, count: perRound, rotate: () => cheap.rotate() },
    ];
    for (let round = 0; round <= rounds; round += 1) {
      progress(round === 0 ? 'warming up' : `round ${round} of ${rounds}`);
      for (let turn = 0; turn < turns.length; turn += 1) {
        // In turns, each first once, so that a busy minute of the machine hits all of them.
        const next = turns[(round + turn) % turns.length];
        for (let count = 0; next && count < next.count; count += 1) {
          const startedAt = performance.now();
          await next.rotate();
          if (round > 0) samples[next.side]?.push((performance.now() - startedAt) / 1000);
        }
      }
    }
    return samples;
  } finally {
    await deps?.kms.close();
    bench.stop();
    await bao.stop();
  }
}
