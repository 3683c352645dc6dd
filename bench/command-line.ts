/** The options of `npm run bench`. */
import { parseArgs } from 'node:util';

export interface BenchArguments {
  /** One of the known names, unless help is wanted. */
  readonly name: string;
  readonly rounds: number | undefined;
  readonly isJson: boolean;
  readonly isHelp: boolean;
  /** Path of the program to compare with; some benchmarks have none. */
  readonly peer?: string;
}

/** The benchmarks that compare with a program that may be given. */
const withPeer: readonly string[] = ['kms-plugin'];

const maxRounds = 1000;

/** @throws TypeError for what is unknown or malformed, naming what is allowed. */
export function readCommandLine(argv: readonly string[], names: readonly string[]): BenchArguments {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      output: { type: 'string', default: 'text' },
      peer: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [name = '', ...others] = positionals;
  if (!values.help && (others.length > 0 || !names.includes(name))) {
    throw new TypeError(
      `Give one benchmark: ${names.join(' or ')}${name === '' ? '' : `, not ${positionals.join(' ')}`}.`,
    );
  }
  if (!['text', 'json'].includes(values.output)) throw new TypeError(`--output ${values.output}: give text or json.`);
  const { peer } = values;
  if (peer !== undefined && !withPeer.includes(name)) {
    throw new TypeError(`--peer: only ${withPeer.join(' and ')} compares with a program of yours.`);
  }
  return {
    name,
    rounds: readRounds(values.rounds),
    isJson: values.output === 'json',
    isHelp: values.help,
    ...(peer !== undefined && { peer }),
  };
}

function readRounds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const rounds = Number(text);
  if (/^\d+$/.test(text) && rounds >= 1 && rounds <= maxRounds) return rounds;
  throw new TypeError(`--rounds ${text}: give a whole number from 1 to ${maxRounds}.`);
}
