/** `npm run bench -- NAME`: measures keyward beside what it replaces, or beside the least that the work can cost. */
import { readCommandLine } from './command-line';
import { kmsBench } from './kms';
import { luksBench } from './luks';
import { goalLines, jsonLine } from './report';
import { startBench } from './start';

const benches = { kms: kmsBench, luks: luksBench, start: startBench };

const help = `Usage: npm run bench -- NAME [--rounds N] [--output text|json]

${Object.entries(benches)
  .map(([name, { about, defaultRounds }]) => `  ${name.padEnd(7)} ${about} (${defaultRounds} rounds)`)
  .join('\n')}

  --rounds N       how often each thing is measured; the median counts
  --output FORMAT  text: a table, then the line of JSON; json: the line alone
  --help           show this text

The last line of standard output is {"bench": NAME, "ratios": {…}, "figures": {…}}. Close other programs first.
Exit codes: 0 measured (a missed goal is told, and no error), 1 could not be measured, 2 wrong usage.`;

async function main(argv: readonly string[]): Promise<number> {
  const { name, rounds, isJson, isHelp } = readCommandLine(argv, Object.keys(benches));
  if (isHelp) {
    console.log(help);
    return 0;
  }
  const bench = benches[name as keyof typeof benches];
  const { result, table } = await bench.measure(rounds ?? bench.defaultRounds, (line) => console.error(line));
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
