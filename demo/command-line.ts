/** The options of `npm run demo`. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { outputs } from './outputs';

export const help = `Usage: npm run demo [-- OPTION…]

Shows keyward at work, on a real kernel: manifests are synthesised from the typed constructs of stacks/gitops, the driver is
started with exactly that configuration, and through its CSI socket an encrypted volume is created, mounted, written, expanded,
copied, rotated and deleted. Each claim is proven by looking from outside. Runs natively where this process is root and the
kernel has dm-crypt, else in a User Mode Linux guest, which needs no root.

  --json         print one JSON object on stdout: ok, mode, kernel, versions, steps, proofs, observations, …; progress goes to stderr
  --report FILE  write the report there (default: dist/demo/report.html)
  --keep         keep the folder with the driver's files in dist/demo/kept
  --help         show this text

Exit codes: 0 all proofs hold, 1 something failed or is missing, 2 wrong usage.`;

export interface DemoArguments {
  readonly json: boolean;
  readonly report: string;
  readonly keep: boolean;
  readonly help: boolean;
}

/** @throws TypeError for an unknown option. */
export function readCommandLine(argv: readonly string[]): DemoArguments {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      json: { type: 'boolean', default: false },
      report: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { json, report, keep, help: isHelp } = values;
  return { json, keep, help: isHelp, report: report === undefined ? outputs.report : resolve(report) };
}
