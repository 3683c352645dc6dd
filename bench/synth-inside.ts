/**
 * One sample of the benchmark `synth`, in a process of its own, so that no side inherits the heap of the other: declares so
 * many tenants, synthesises, and prints one line of JSON. `node --import tsx bench/synth-inside.ts keyward|cdk8s COUNT`.
 */
import { createHash } from 'node:crypto';
import { declarePlain, declareWithConstructs, tenantNames } from './synth-sides';

/** One side, once. */
export interface SynthSample {
  /** Of the processor: the work waits for nothing, and what else the machine does must not decide. */
  readonly seconds: number;
  /** Of the whole process, at its highest. */
  readonly peakMiB: number;
  readonly yamlBytes: number;
  readonly sha256: string;
}

const sides = { keyward: declareWithConstructs, cdk8s: declarePlain };
/** Enough to compile what is hot, so that a small count does not pay for it and make the growth look better than it is. */
const warmUpTenants = 300;

function main([side, count]: readonly string[]): void {
  const declare = sides[side as keyof typeof sides];
  const warmUp = tenantNames(warmUpTenants);
  for (const each of Object.values(sides)) each(warmUp).synthYaml();
  const tenants = tenantNames(Number(count));
  const before = process.cpuUsage();
  const yaml = declare(tenants).synthYaml();
  const { user, system } = process.cpuUsage(before);
  const sample: SynthSample = {
    seconds: (user + system) / 1e6,
    peakMiB: process.resourceUsage().maxRSS / 1024,
    yamlBytes: Buffer.byteLength(yaml),
    sha256: createHash('sha256').update(yaml).digest('hex'),
  };
  process.stdout.write(`${JSON.stringify(sample)}\n`);
}

if (require.main === module) main(process.argv.slice(2));
