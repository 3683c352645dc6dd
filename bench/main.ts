/** `npm run bench -- NAME`: measures keyward beside what it replaces, or beside the least that the work can cost. */
import { clusterBench } from './cluster';
import { readCommandLine } from './command-line';
import { ioBench } from './io';
import { kmsBench } from './kms';
import { kmsPluginBench } from './kms-plugin';
import { luksBench } from './luks';
import { goalLines, jsonLine } from './report';
import { rotateBench } from './rotate';
import { stageBench } from './stage';
import { startBench } from './start';
import { synthBench } from './synth';

const benches = {
  cluster: clusterBench,
  io: ioBench,
  kms: kmsBench,
  'kms-plugin': kmsPluginBench,
  luks: luksBench,
  rotate: rotateBench,
  stage: stageBench,
  start: startBench,
  synth: synthBench,
};

const help = `Usage: npm run bench -- NAME [--rounds N] [--peer PATH] [--device PATH --yes] [--output text|json]

${Object.entries(benches)
  .map(([name, { about, defaultRounds }]) => `  ${name.padEnd(10)} ${about} (${defaultRounds} rounds)`)
  .join('\n')}

  --rounds N       how often each thing is measured; the median counts
  --peer PATH      kms-plugin: an executable with the flags of vault-kubernetes-kms, instead of the baseline
  --device PATH    io: a block device of this machine, instead of memory; everything on it is lost, so say --yes too
  --output FORMAT  text: a table, then the line of JSON; json: the line alone
  --help           show this text

The last line of standard output is {"bench": NAME, "ratios": {…}, "figures": {…}}. Close other programs first.
Exit codes: 0 measured (a missed goal is told, and no error), 1 could not be measured, 2 wrong usage.`;

async function main(argv: readonly string[]): Promise<number> {
  const { name, rounds, isJson, isHelp, peer, device } = readCommandLine(argv, Object.keys(benches));
  if (isHelp) {
    console.log(help);
    return 0;
  }
  const bench = benches[name as keyof typeof benches];
  const { result, table } = await bench.measure(rounds ?? bench.defaultRounds, (line) => console.error(line), {
    ...(peer !== undefined && { peer }),
    ...(device !== undefined && { device }),
  });
  if (!isJson) console.log([...table, '', ...goalLines(result, bench.goals), ''].join('\n'));
  console.log(jsonLine(result));
  return 0;
}

main(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    // Wrong options come from parseArgs as a TypeError, like our own usage errors.
    const isUsage = error instanceof TypeError;
    console.error(isUsage ? `${error.message}\n\nSee: npm run bench -- --help` : error);
    process.exitCode = isUsage ? 2 : 1;
  },
);
