/** `npm run soak -- kms-plugin`: full load under faults for minutes. */
import { parseArgs } from 'node:util';
import { bundleRuntime, runtimeBundle } from '../tools/bundle';
import { ensureTools } from '../tools/ensure';
import { soak } from './kms-soak';

const help = `Usage: npm run soak -- kms-plugin [--minutes N]

Starts OpenBao and keyward kms-plugin, lets 64 callers encrypt and decrypt without a pause, and makes faults meanwhile:
Vault sealed, restarted, stopped, its token revoked, its key rotated, its requests limited, clients that hang or disconnect.

  --minutes N  how long (default 10)
  --help       show this text

The last line of standard output is {"soak": NAME, "findings": […], "figures": {…}}.
Exit codes: 0 no finding, 1 findings or a failure, 2 wrong usage.`;

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { minutes: { type: 'string', default: '10' }, help: { type: 'boolean', short: 'h', default: false } },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  if (positionals.join() !== 'kms-plugin') throw new TypeError('Give what to soak: kms-plugin.');
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= 1_440)) throw new TypeError(`--minutes ${values.minutes}: give 0.1 to 1440.`);
  const progress = (line: string) => console.error(line);
  bundleRuntime();
  await ensureTools(['openbao', 'kms-load'], {
    onProgress: ({ subject, phase, detail }) => progress(`${phase} ${subject}: ${detail}`),
  });
  const result = await soak({ executable: runtimeBundle, durationMs: minutes * 60_000, callers: 64, progress });
  const figures = Object.entries(result.figures).map(([name, value]) => [name, Number(value.toPrecision(4))]);
  for (const finding of result.findings) console.log(`FINDING ${finding}`);
  console.log(JSON.stringify({ soak: 'kms-plugin', findings: result.findings, figures: Object.fromEntries(figures) }));
  return result.findings.length === 0 ? 0 : 1;
}

main(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    // Wrong options come from parseArgs as a TypeError, like our own usage errors.
    const isUsage = error instanceof TypeError;
    console.error(isUsage ? `${error.message}\n\nSee: npm run soak -- --help` : error);
    process.exitCode = isUsage ? 2 : 1;
  },
);
