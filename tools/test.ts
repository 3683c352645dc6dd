/** `npm test`: prepares what the selected tests need, runs them against the real components, and counts. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { Semaphore } from '../runtime/async/semaphore';
import { componentOf } from './components';
import { prepareTools } from './ensure';
import { exec } from './exec';
import { prepareGuest } from './guest/host-support';
import { progressPrinter } from './progress-printer';
import { type JestOutcome, type JestRun, runJest } from './run-jest';
import { groupsOf, isTier, KERNEL_TIERS, TIER_NAMES, type Tier, tiersWithFiles, toolsOf } from './test-tiers';
import { ToolError } from './tool-error';

const HELP = `Usage: npm test -- [--only TIER[,TIER…]] [-t NAME] [PATTERN…]

Runs the tests against real components, which are prepared first (see npm run tools -- --help).

  --only TIERS  some of: ${TIER_NAMES.join(', ')}; without it all of them
  -t NAME       only tests whose name matches the regular expression NAME
  PATTERN       only files whose path matches the regular expression PATTERN
  --help        show this text

What cannot be prepared is named and its tests are skipped; with CI=true that is a failure.
The last line is \`Tests: N passed, N failed\`, with \`, N skipped\` if any.
Exit codes: 0 all passed, 1 a failure or nothing ran, 2 wrong usage.`;

const ROOT = join(__dirname, '..');
const BUILD_OUTPUT_LINES = 40;
const RUNS_AT_ONCE = 2;
const isCi = process.env.CI === 'true';

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals: patterns } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true },
      'test-name-pattern': { type: 'string', short: 't' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const tiers = tiersWithFiles(ROOT, selectedTiers(values.only), patterns);
  const isBuilt = await buildRuntime(tiers);
  const missing = await prepare(tiers);
  const testNamePattern = values['test-name-pattern'];
  const run = { tiers, patterns, ...(testNamePattern === undefined ? {} : { testNamePattern }) };
  const outcomes = await runSelected(run);
  const troubles = [
    ...(isBuilt ? [] : ['npm run build failed, see above']),
    ...outcomes.flatMap(({ trouble }) => (trouble === undefined ? [] : [trouble])),
  ];
  const sum = (count: 'passed' | 'failed' | 'skipped') => outcomes.reduce((total, each) => total + each[count], 0);
  const failures = outcomes.flatMap((outcome) => outcome.failures);
  return summarise(
    { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped'), failures },
    troubles,
    missing,
  );
}

function selectedTiers(only: readonly string[] | undefined): readonly Tier[] {
  if (only === undefined) return TIER_NAMES;
  return only
    .flatMap((list) => list.split(','))
    .map((name) => {
      if (isTier(name)) return name;
      throw new TypeError(`--only ${name}: no such tier. Known: ${TIER_NAMES.join(', ')}`);
    });
}

/** The tiers above `unit` start the bundle that users run. False when its build fails; the tests that do without it still run. */
async function buildRuntime(tiers: readonly Tier[]): Promise<boolean> {
  if (tiers.every((tier) => tier === 'unit') || !existsSync(join(ROOT, 'tools', 'build.ts'))) return true;
  const startedMs = Date.now();
  const { exitCode, output } = await exec('npm', ['run', '--silent', 'build'], { cwd: ROOT });
  console.log(`${exitCode === 0 ? pc.green('built') : pc.red('FAILED')} the runtime in ${Date.now() - startedMs} ms`);
  if (exitCode !== 0) console.log(output.split('\n').slice(0, BUILD_OUTPUT_LINES).join('\n'));
  return exitCode === 0;
}

/** Prepares components for these tiers and prints the versions at hand; returns one message for each that is missing. */
async function prepare(tiers: readonly Tier[]): Promise<readonly string[]> {
  const onProgress = progressPrinter((line) => console.log(line));
  const names = toolsOf(tiers);
  const { paths, failures } = await prepareTools(names, { onProgress });
  const versions = names
    .filter((name) => paths.has(name))
    .map((name) => {
      const component = componentOf(name);
      return component.kind === 'debian' ? name : `${name} ${component.version}`;
    });
  console.log(
    pc.dim(`Tiers: ${tiers.join(', ')}. With Node ${process.version}${versions.map((text) => ` · ${text}`).join('')}`),
  );
  const missing = [...failures].map(([name, error]) => `${name}: ${error.message}`);
  if (tiers.some((tier) => KERNEL_TIERS.includes(tier))) missing.push(...(await prepareKernel(onProgress)));
  for (const message of missing) console.log(pc.yellow(`MISSING ${message}`));
  return missing;
}

async function prepareKernel(onProgress: ReturnType<typeof progressPrinter>): Promise<readonly string[]> {
  try {
    const support = await prepareGuest({ onProgress });
    if (support.mode === 'none') return [`dm-crypt: ${support.missing.join(', ')}. ${support.remedy}`];
    const where = support.mode === 'native' ? 'the host kernel' : 'a User Mode Linux guest';
    console.log(pc.dim(`dm-crypt: ${where}`));
    return [];
  } catch (error) {
    if (error instanceof ToolError) return [`dm-crypt: ${error.message}`];
    throw error;
  }
}

async function runSelected(run: JestRun): Promise<readonly JestOutcome[]> {
  if (run.tiers.length === 0)
    return [{ passed: 0, failed: 0, skipped: 0, failures: [], trouble: 'no test file matches' }];
  const atOnce = new Semaphore(RUNS_AT_ONCE);
  return Promise.all(groupsOf(run.tiers).map((tiers) => atOnce.run(() => runJest(ROOT, { ...run, tiers }))));
}

/** Prints the outcome; the line with the counts is the last one, whatever happened. Returns the exit code. */
function summarise(
  { passed, failed, skipped, failures: failedTests }: JestOutcome,
  troubles: readonly string[],
  missing: readonly string[],
): number {
  const nothingRan = passed + failed === 0 && troubles.length === 0 ? ['no test ran'] : [];
  const failures = [...troubles, ...nothingRan, ...(isCi ? missing.map((message) => `for want of ${message}`) : [])];
  console.log();
  for (const message of isCi ? [] : missing) console.log(pc.yellow(`SKIPPED for want of ${message}`));
  for (const message of [...failedTests, ...failures]) console.log(pc.red(`FAILED ${message}`));
  const allFailed = failed + failures.length;
  console.log(`Tests: ${passed} passed, ${allFailed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return allFailed === 0 ? 0 : 1;
}

main(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    // Wrong options come from parseArgs as a TypeError, like our own usage errors.
    const isUsage = error instanceof TypeError;
    console.error(isUsage ? `${error.message}\n\nSee: npm test -- --help` : error);
    process.exitCode = isUsage ? 2 : 1;
  },
);
