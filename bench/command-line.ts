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
  /** Block device whose content may be lost. */
  readonly device?: string;
}

/** The benchmarks that compare with a program that may be given. */
const withPeer: readonly string[] = ['kms-plugin'];
/** Those that measure on a device that may be given. */
const withDevice: readonly string[] = ['io'];

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
      device: { type: 'string' },
      yes: { type: 'boolean', default: false },
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
  const { peer, device, yes } = values;
  if (peer !== undefined && !withPeer.includes(name)) {
    throw new TypeError(`--peer: only ${withPeer.join(' and ')} compares with a program of yours.`);
  }
  if (device !== undefined && !withDevice.includes(name)) {
    throw new TypeError(`--device: only ${withDevice.join(' and ')} measures on a device of yours.`);
  }
  if (device !== undefined && !yes) {
    throw new TypeError(`--device ${device}: everything on it would be lost. Give --yes too if that is meant.`);
  }
  return {
    name,
    rounds: readRounds(values.rounds),
    isJson: values.output === 'json',
    isHelp: values.help,
    ...(peer !== undefined && { peer }),
    ...(device !== undefined && { device }),
  };
}

function readRounds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const rounds = Number(text);
  if (/^\d+$/.test(text) && rounds >= 1 && rounds <= maxRounds) return rounds;
  throw new TypeError(`--rounds ${text}: give a whole number from 1 to ${maxRounds}.`);
}
