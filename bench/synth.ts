/**
 * Benchmark `synth`: what the constructs cost beside plain cdk8s that builds the same objects, and whether that grows with
 * their number. Each sample is a process of its own; the sides take turns, and both must write the same bytes.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Benchmark } from './benchmark';
import { samplesTable } from './report';
import { median } from './statistics';
import type { SynthSample } from './synth-inside';

const manyTenants = 10_000;
const fewTenants = 1_000;
const root = join(__dirname, '..');

type Side = 'keyward' | 'cdk8s';

export const synthBench: Benchmark = {
  about: `declaring and synthesising ${manyTenants} tenants, beside plain cdk8s`,
  defaultRounds: 5,
  goals: [
    { name: 'time_vs_plain_cdk8s', atMost: 1.1 },
    { name: 'growth', atMost: 1.2 },
  ],
  measure: async (rounds, progress) => {
    const many: Record<Side, SynthSample[]> = { keyward: [], cdk8s: [] };
    const few: Record<Side, SynthSample[]> = { keyward: [], cdk8s: [] };
    for (let round = 1; round <= rounds; round += 1) {
      progress(`round ${round} of ${rounds}`);
      const sides: readonly Side[] = round % 2 === 0 ? ['cdk8s', 'keyward'] : ['keyward', 'cdk8s'];
      for (const [samples, count] of [
        [many, manyTenants],
        [few, fewTenants],
      ] as const) {
        for (const side of sides) samples[side].push(sample(side, count));
        refuseDifference(samples, count);
      }
    }
    return result(many, few);
  },
};

function result(many: Record<Side, SynthSample[]>, few: Record<Side, SynthSample[]>) {
  const seconds = (samples: readonly SynthSample[]) => samples.map((each) => each.seconds);
  const peak = (samples: readonly SynthSample[]) => median(samples.map(({ peakMiB }) => peakMiB));
  const perTenant = (samples: Record<Side, SynthSample[]>, side: Side, count: number) =>
    median(seconds(samples[side])) / count;
  const growth = (side: Side) => perTenant(many, side, manyTenants) / perTenant(few, side, fewTenants);
  const figures = {
    keyward_seconds: median(seconds(many.keyward)),
    cdk8s_seconds: median(seconds(many.cdk8s)),
    keyward_peak_mib: peak(many.keyward),
    cdk8s_peak_mib: peak(many.cdk8s),
    yaml_mib: (many.keyward[0]?.yamlBytes ?? Number.NaN) / (1024 * 1024),
  };
  const table = [
    ...samplesTable({
      [`keyward, ${manyTenants} tenants`]: seconds(many.keyward),
      [`plain cdk8s, ${manyTenants} tenants`]: seconds(many.cdk8s),
      [`keyward, ${fewTenants} tenants`]: seconds(few.keyward),
      [`plain cdk8s, ${fewTenants} tenants`]: seconds(few.cdk8s),
    }),
    `both wrote the same ${figures.yaml_mib.toFixed(1)} MiB of YAML; memory at its highest ${figures.keyward_peak_mib.toFixed(0)} and ${figures.cdk8s_peak_mib.toFixed(0)} MiB`,
  ];
  const ratios = {
    time_vs_plain_cdk8s: figures.keyward_seconds / figures.cdk8s_seconds,
    growth: growth('keyward'),
    growth_of_plain_cdk8s: growth('cdk8s'),
  };
  return { result: { bench: 'synth', ratios, figures }, table };
}

function sample(side: Side, count: number): SynthSample {
  const args = ['--import', 'tsx', join(root, 'bench/synth-inside.ts'), side, String(count)];
  const child = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', maxBuffer: 1024 * 1024 });
  if (child.status !== 0) throw new Error(`${side} could not synthesise ${count} tenants: ${child.stderr}`);
  return JSON.parse(child.stdout);
}

/** A comparison of two different things would say nothing. */
function refuseDifference(samples: Record<Side, SynthSample[]>, count: number): void {
  const digests = new Set([...samples.keyward, ...samples.cdk8s].map(({ sha256 }) => sha256));
  if (digests.size !== 1) throw new Error(`The sides wrote different YAML for ${count} tenants.`);
}
